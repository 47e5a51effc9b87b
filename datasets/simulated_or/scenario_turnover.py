"""The room between two cases: used instruments go out, the table is wiped, fresh ones are laid out."""

from __future__ import annotations

from .script import Stage

TEAM = (2, 5)


def turnover(stage: Stage, team_size: int) -> None:
    """Rehearse it with two to five people: two who clean, then a scrub nurse, an anaesthetist and a visitor."""
    runner = stage.person("circulating_nurse", at="circulating")
    cleaner = stage.person("technician", at="door_1", comes_in=True)
    nurse = stage.person("scrub_nurse", at="scrub") if team_size > 2 else runner
    anaesthetist = stage.person("anaesthetist", at="head") if team_size > 3 else None
    if team_size > 4:
        stage.person("visitor", at="waiting_1")

    used = stage.tool("tray", on="instrument_table", near="scrub")
    hammer = stage.tool("hammer", on="instrument_table", near="scrub")
    fresh = stage.tool("tray", on="secondary_table", near="circulating")
    drill = stage.tool("drill", on="secondary_table", near="circulating")
    wipe = stage.tool("cloth", on="secondary_table", near="circulating")

    stage.phase("cleanup")
    cleaner.goes_to("door_1_inside").takes(used)
    cleaner.goes_to("door_1").leaves_behind(used)
    runner.takes(wipe)
    for _ in range(stage.times(every_s=30, most=3)):
        runner.wipes("operating_table", for_s=3, with_=wipe)
        runner.wipes("secondary_table", for_s=2, with_=wipe)
    if anaesthetist:
        anaesthetist.operates("anesthesia_equipment", for_s=5)
    if nurse is not runner:
        nurse.takes(hammer).puts(hammer, on="secondary_table")
    runner.puts(wipe, on="secondary_table")
    cleaner.goes_to("door_1_inside")

    stage.phase("sterile", runner, cleaner, nurse)
    runner.takes(fresh).puts(fresh, on="instrument_table")
    cleaner.operates("operating_table", for_s=3)
    nurse.prepares("instrument_table", for_s=3)
    runner.takes(drill)
    if nurse is not runner:
        runner.hands(drill, to=nurse)
    nurse.puts(drill, on="instrument_table")
    for _ in range(stage.times(every_s=30, most=4)):
        nurse.prepares("instrument_table", for_s=4)
        cleaner.operates("operating_table", for_s=3)
    cleaner.leaves("door_1")
