"""From one scene to the world: tiles of a grid, planned, computed anywhere, resumed, collected."""

from stacaster.tiles.cluster import submit_tiles, wait_tiles
from stacaster.tiles.collect import collect_tiles
from stacaster.tiles.plan import TilePlan, plan_tiles
from stacaster.tiles.recipe import Recipe, read_recipe
from stacaster.tiles.reproduce import reproduce_tiles
from stacaster.tiles.run import run_tiles
from stacaster.tiles.state import cancel_tiles, draw_tiles, retry_tiles, tiles_status

__all__ = [
    "Recipe",
    "TilePlan",
    "cancel_tiles",
    "collect_tiles",
    "draw_tiles",
    "plan_tiles",
    "read_recipe",
    "reproduce_tiles",
    "retry_tiles",
    "run_tiles",
    "submit_tiles",
    "tiles_status",
    "wait_tiles",
]
