"""Pedicle screws in the lumbar spine: the back is exposed, navigated, drilled and instrumented, level by level.

The patient's lumbar vertebrae L1 to L5 are the targets. A marker array is fixed at the spine, an ultrasound probe is
swept along it, and each level is drilled and gets its screws while the C-arm stands by.
"""

from __future__ import annotations

from .script import Stage

TEAM = (6, 8)
LEVELS = ("L4", "L5", "L3", "L2", "L1")


def pedicle_screw(stage: Stage, team_size: int) -> None:
    """Rehearse it with a team of six to eight; a longer recording has room for more levels."""
    surgeon = stage.person("head_surgeon", at="door_2", comes_in=True)
    assistant = stage.person("assistant_surgeon", at="door_1", comes_in=True)
    nurse = stage.person("scrub_nurse", at="scrub")
    runner = stage.person("circulating_nurse", at="circulating")
    anaesthetist = stage.person("anaesthetist", at="head")
    porter = stage.person("technician", at="door_1", comes_in=True)
    stage.onlookers(team_size - 6)
    levels = LEVELS[: stage.times(every_s=60, most=len(LEVELS))]

    mayo = stage.between("instrument_table", stage.at_table("south", to="L3"))
    cloth = stage.tool("cloth", on="instrument_table", near=mayo)
    scalpel = stage.tool("scalpel", on="instrument_table", near=mayo)
    probe = stage.tool("ultrasound_probe", on="instrument_table", near=mayo)
    drill = stage.tool("drill", on="instrument_table", near=mayo)
    screwdriver = stage.tool("screwdriver", on="instrument_table", near=mayo)
    needle = stage.tool("needle_holder", on="instrument_table", near=mayo)
    array = stage.tool("marker_array", on="instrument_table", near=mayo)
    wipe = stage.tool("cloth", on="secondary_table", near="circulating")

    stage.phase("sterile")
    nurse.prepares("instrument_table", for_s=4)
    runner.prepares("secondary_table", for_s=2)
    anaesthetist.operates("anesthesia_equipment", for_s=2)

    stage.phase("roll_in", runner, anaesthetist)
    runner.operates("operating_table", for_s=2)
    stage.patient_comes(porter, anaesthetist)
    runner.operates("c_arm", for_s=3)
    surgeon.waits_for(anaesthetist)
    assistant.waits_for(anaesthetist)
    surgeon.steps_up("south", to="L3")
    assistant.steps_up("north", to="L3")

    stage.phase("patient_prep", surgeon, assistant, anaesthetist)
    anaesthetist.operates("anesthesia_equipment", for_s=3)
    nurse.waits_for(runner).goes_to(mayo).takes(cloth)
    surgeon.does("preparing", at="L4", for_s=2)
    assistant.does("preparing", at="L2", for_s=2)
    nurse.hands(cloth, to=surgeon)
    surgeon.does("cleaning", at="L3", with_=cloth, for_s=2)
    nurse.gets(cloth, from_=surgeon)
    stage.drapes(assistant, surgeon, at="L3")
    nurse.puts(cloth, on="instrument_table").brings(scalpel, to=surgeon)

    stage.phase("spine_exposure", surgeon, assistant)
    surgeon.does("cutting", at="L3", with_=scalpel, for_s=3, helped_by=assistant)
    anaesthetist.waits_for(surgeon).goes_to("head")
    nurse.swaps(array, for_=scalpel, with_=surgeon)
    surgeon.plants(array, at="L5")
    nurse.brings(probe, to=surgeon)
    surgeon.does("scanning", at="L1", along="L5", with_=probe, for_s=4)
    nurse.swaps(drill, for_=probe, with_=surgeon)

    stage.phase("pilot_holes", surgeon, assistant)
    for level in levels:
        surgeon.does("drilling", at=level, with_=drill, for_s=3, helped_by=assistant)
    runner.waits_for(surgeon).operates("c_arm", for_s=2)
    nurse.swaps(screwdriver, for_=drill, with_=surgeon)

    stage.phase("screw_insertion", surgeon, assistant)
    for level in levels:
        surgeon.does("manipulating", at=level, with_=screwdriver, for_s=3, helped_by=assistant)
    anaesthetist.waits_for(surgeon).operates("anesthesia_equipment", for_s=3)
    nurse.swaps(needle, for_=screwdriver, with_=surgeon)

    stage.phase("surgery_conclusion", surgeon, assistant)
    surgeon.does("suturing", at="L3", with_=needle, for_s=3, helped_by=assistant)
    nurse.gets(needle, from_=surgeon)
    nurse.puts(needle, on="instrument_table")
    surgeon.takes(array).hands(array, to=nurse)
    nurse.puts(array, on="instrument_table")
    stage.undrapes(assistant, surgeon, at="L3")

    stage.phase("roll_out", surgeon, assistant, runner, anaesthetist)
    surgeon.leaves("door_2")
    assistant.leaves("door_2")
    runner.goes_to("circulating")
    stage.patient_goes(porter, anaesthetist)

    stage.phase("cleanup", runner.waits_for(anaesthetist))
    runner.takes(wipe).wipes("operating_table", for_s=3, with_=wipe)
    nurse.prepares("instrument_table", for_s=3)
