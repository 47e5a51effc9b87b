"""Six people shoulder to shoulder around the table: little motion, much occlusion, tools from hand to hand."""

from __future__ import annotations

from .script import Stage

TEAM = (6, 8)
SHOULDER_M = 0.56


def busy(stage: Stage, team_size: int) -> None:
    """Rehearse it with six to eight people: three on either side of the table, the others watch."""
    surgeon = stage.person("head_surgeon", at=stage.at_table("south", to="knee"))
    nurse = stage.person("scrub_nurse", at=stage.at_table("south", to="knee", aside_m=-SHOULDER_M))
    resident = stage.person("assistant_surgeon", at=stage.at_table("south", to="knee", aside_m=SHOULDER_M))
    assistant = stage.person("assistant_surgeon", at=stage.at_table("north", to="knee"))
    second = stage.person("scrub_nurse", at=stage.at_table("north", to="knee", aside_m=-SHOULDER_M))
    anaesthetist = stage.person("anaesthetist", at=stage.at_table("north", to="knee", aside_m=SHOULDER_M))
    stage.onlookers(team_size - 6)
    home = stage.at_table("north", to="knee", aside_m=SHOULDER_M)

    scalpel = stage.tool("scalpel", on="instrument_table", near="scrub", held_by=nurse)
    saw = stage.tool("saw", on="instrument_table", near="scrub", held_by=nurse)
    suction = stage.tool("suction", on="instrument_table", near="scrub", held_by=assistant)
    hammer = stage.tool("hammer", on="instrument_table", near="scrub", held_by=second)
    stage.patient_lies_there()
    stage.draped()

    stage.phase("surgery")
    for number in range(stage.times(every_s=30, most=20)):
        nurse.hands(scalpel, to=surgeon)
        surgeon.does("cutting", at="knee", with_=scalpel, for_s=4, helped_by=assistant)
        resident.leans(0.3, for_s=4).does("preparing", at="thigh", for_s=3)
        if number % 2 == 0:
            anaesthetist.goes_to("door_2").waits(2).goes_to(home)
        surgeon.hands(scalpel, to=nurse)
        nurse.hands(saw, to=surgeon)
        surgeon.does("sawing", at="knee", with_=saw, for_s=4, helped_by=assistant)
        second.does("preparing", at="shin", for_s=3)
        surgeon.hands(saw, to=resident)
        second.hands(hammer, to=assistant)
        assistant.does("hammering", at="knee", with_=hammer, for_s=2)
        assistant.hands(hammer, to=second)
        resident.hands(saw, to=surgeon)
        surgeon.hands(saw, to=nurse)
        assistant.hands(suction, to=surgeon)
        surgeon.does("cleaning", at="knee", with_=suction, for_s=2).hands(suction, to=assistant)
        anaesthetist.leans(0.25, for_s=3)
    stage.everybody_waits()
