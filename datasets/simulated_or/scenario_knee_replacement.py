"""A total knee replacement in eight phases, from the laid table to the wiped one.

The order of events is that of the field's own recordings: the team prepares; the patient comes, and two people see to
the table; surgeon and assistant prepare and disinfect the leg and drape it; the knee is cut open, sawn and drilled; the
implant is hammered home and cemented; the wound is sutured; the patient leaves; the room is cleaned.
"""

from __future__ import annotations

from .script import Stage

TEAM = (6, 8)


def knee_replacement(stage: Stage, team_size: int) -> None:
    """Rehearse it with a team of six to eight."""
    surgeon = stage.person("head_surgeon", at="door_2", comes_in=True)
    assistant = stage.person("assistant_surgeon", at="door_1", comes_in=True)
    nurse = stage.person("scrub_nurse", at="scrub")
    runner = stage.person("circulating_nurse", at="circulating")
    anaesthetist = stage.person("anaesthetist", at="head")
    porter = stage.person("technician", at="door_1", comes_in=True)
    stage.onlookers(team_size - 6)

    mayo = stage.between("instrument_table", stage.at_table("south", to="knee"))
    cloth = stage.tool("cloth", on="instrument_table", near=mayo)
    scalpel = stage.tool("scalpel", on="instrument_table", near=mayo)
    saw = stage.tool("saw", on="instrument_table", near=mayo)
    drill = stage.tool("drill", on="instrument_table", near=mayo)
    hammer = stage.tool("hammer", on="instrument_table", near=mayo)
    needle = stage.tool("needle_holder", on="instrument_table", near=mayo)
    suction = stage.tool("suction", on="instrument_table", near=mayo)
    wipe = stage.tool("cloth", on="secondary_table", near="circulating")

    stage.phase("sterile")
    nurse.prepares("instrument_table", for_s=4)
    runner.prepares("secondary_table", for_s=3)
    anaesthetist.operates("anesthesia_equipment", for_s=3)

    stage.phase("roll_in", runner, anaesthetist)
    runner.operates("operating_table", for_s=3)
    stage.patient_comes(porter, anaesthetist)
    surgeon.waits_for(anaesthetist)
    assistant.waits_for(anaesthetist)
    surgeon.steps_up("south", to="knee")
    assistant.steps_up("north", to="knee")

    stage.phase("patient_prep", surgeon, assistant, runner, anaesthetist)
    runner.goes_to("circulating")
    anaesthetist.operates("anesthesia_equipment", for_s=3)
    nurse.goes_to(mayo).takes(cloth)
    surgeon.does("preparing", at="thigh", for_s=2)
    assistant.does("preparing", at="shin", for_s=2)
    nurse.hands(cloth, to=surgeon)
    surgeon.does("cleaning", at="knee", with_=cloth, for_s=2)
    nurse.gets(cloth, from_=surgeon)
    stage.drapes(assistant, surgeon, at="knee")
    nurse.puts(cloth, on="instrument_table").brings(scalpel, to=surgeon)

    stage.phase("knee_prep", surgeon, assistant)
    surgeon.does("cutting", at="knee", with_=scalpel, for_s=3, helped_by=assistant)
    anaesthetist.waits_for(surgeon).goes_to("head")
    nurse.swaps(suction, for_=scalpel, with_=surgeon)
    surgeon.hands(suction, to=assistant)
    nurse.brings(saw, to=surgeon)
    surgeon.does("sawing", at="knee", with_=saw, for_s=3, helped_by=assistant)
    runner.waits_for(surgeon).prepares("secondary_table", for_s=3)
    nurse.swaps(drill, for_=saw, with_=surgeon)
    surgeon.does("drilling", at="knee", with_=drill, for_s=2, helped_by=assistant)
    nurse.swaps(hammer, for_=drill, with_=surgeon)

    stage.phase("knee_insert", surgeon, assistant)
    surgeon.does("hammering", at="knee", with_=hammer, for_s=2, helped_by=assistant)
    nurse.gets(hammer, from_=surgeon)
    anaesthetist.waits_for(surgeon).operates("anesthesia_equipment", for_s=3)
    surgeon.does("cementing", at="knee", for_s=2, helped_by=assistant)
    nurse.puts(hammer, on="instrument_table").brings(needle, to=surgeon)

    stage.phase("surgery_conclusion", surgeon, assistant)
    surgeon.does("suturing", at="knee", with_=needle, for_s=4, helped_by=assistant)
    nurse.gets(needle, from_=surgeon)
    nurse.puts(needle, on="instrument_table")
    assistant.hands(suction, to=surgeon)
    nurse.gets(suction, from_=surgeon)
    nurse.puts(suction, on="instrument_table")
    stage.undrapes(assistant, surgeon, at="knee")

    stage.phase("roll_out", surgeon, assistant, runner, anaesthetist)
    surgeon.leaves("door_2")
    assistant.leaves("door_2")
    runner.operates("operating_table", for_s=3)
    stage.patient_goes(porter, anaesthetist)

    stage.phase("cleanup", runner.waits_for(anaesthetist))
    runner.takes(wipe)
    runner.wipes("operating_table", for_s=4, with_=wipe)
    runner.puts(wipe, on="secondary_table")
    nurse.prepares("instrument_table", for_s=3)
