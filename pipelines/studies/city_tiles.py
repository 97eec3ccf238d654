"""Stage city_tiles: cities answered by tiles on a cluster, and what one process makes of the same networks."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field

import gfm_ra
from components.channel.city import city_scenario, draw_city, sparse_network
from components.config import Strict
from components.data.shards import json_text, write_text_atomically
from gfm_ra.goals import StandardName, by_name
from gfm_ra.inference.comparison import Effort
from gfm_ra.solvers.proofs.certificate import scale_of
from pipelines.cluster.room import Need
from pipelines.cluster.workers import workers
from pipelines.runtime import paths
from pipelines.runtime.progress import Meter
from pipelines.runtime.stage import Context, Outcome, Stage, main
from pipelines.tiles.answers import TILE_LINKS, by_tiles

NAME = "city_tiles"


class CityTilesConfig(Strict):
    """Sizes of the cities, of which each is answered for every goal, and of the tiles."""

    links: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1)
    tile_links: int = Field(default=TILE_LINKS, ge=1)
    goals: tuple[StandardName, ...] = Field(min_length=1)
    effort: Effort = "balanced"


def row_of(
    config: CityTilesConfig, links: int, name: StandardName, seed: int
) -> dict[str, str | int | float]:
    """Utilities of one city and goal, and their difference in the unit of `scale_of`, positive where tiles gain."""
    city, goal, allocator = draw_city(city_scenario(links), seed), by_name(name), gfm_ra.load()
    network = sparse_network(city)
    whole = allocator.allocate(network, goal=goal, effort=config.effort)
    rounds: list[float] = []
    tiled = by_tiles(
        allocator,
        network,
        goal,
        config.effort,
        tile_links=config.tile_links,
        position_m=city.transmitters,
        tell=lambda each: rounds.append(each.utility),
    )
    scale = float(scale_of(goal, whole.utility, links))
    return {
        "links": links,
        "gains": network.edges,
        "tiles": -(-links // config.tile_links),
        "goal": name,
        "one_process": float(whole.utility),
        "by_tiles": float(tiled.utility),
        "difference": (float(tiled.utility) - float(whole.utility)) / scale,
        "rounds": len(rounds),
    }


def work(context: Context[CityTilesConfig]) -> Outcome:
    """All cities and goals, each kept as soon as it is answered."""
    config, kept = context.config, context.scratch / "rows"
    kept.mkdir(parents=True, exist_ok=True)
    asked: list[tuple[int, StandardName]] = [(links, name) for links in config.links for name in config.goals]
    rows = []
    with workers(Need(NAME), []), Meter(context.console, NAME, len(asked), "answers") as meter:
        for links, name in asked:
            path = kept / f"{links}-{name}.json"
            if not path.is_file():
                write_text_atomically(path, json_text(row_of(config, links, name, context.seed)))
            rows.append(json.loads(path.read_text()))
            meter.update(len(rows))
    made = context.scratch / "city_tiles.json"
    made.write_text(json_text({"effort": config.effort, "tile_links": config.tile_links, "rows": rows}))
    shown = [
        [str(row["links"]), row["goal"], str(row["tiles"]), str(row["rounds"]), f"{row['difference']:+.5f}"]
        for row in rows
    ]
    worst = min(float(row["difference"]) for row in rows)
    outputs: dict[Path, Path] = {paths.metrics(NAME): made}
    return Outcome(outputs, ["links", "goal", "tiles", "rounds", "over one process"], shown, {"worst": worst})


STAGE = Stage(
    NAME,
    CityTilesConfig,
    work,
    inputs=lambda _: [],
    outputs=[paths.metrics(NAME)],
    params=paths.CITIES_PARAMS,
)

if __name__ == "__main__":
    main(STAGE)
