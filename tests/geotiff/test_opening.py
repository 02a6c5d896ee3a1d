"""What items name is opened only where it is a file with its own pixels; nothing else is read or asked."""

from __future__ import annotations

import ast
import http.server
import json
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.transform import from_origin

import stacaster
from stacaster.catalog import item_table
from stacaster.errors import LoadError, ReadError
from stacaster.geotiff.opening import open_raster, require_raster
from stacaster.network import sign
from stacaster.network.transport.own_vrt import is_own_vrt

PLACE = {"proj:code": "EPSG:32754", "proj:shape": [10, 10], "proj:transform": [30, 0, 600000, 0, -30, 6500000]}
FRAME = (
    '<VRTDataset rasterXSize="10" rasterYSize="10"><SRS>EPSG:32754</SRS>'
    "<GeoTransform>600000,30,0,6500000,0,-30</GeoTransform>"
    '<VRTRasterBand dataType="Byte" band="1">{}</VRTRasterBand></VRTDataset>'
)


def vrt(source: str, tag: str = "SimpleSource") -> str:
    return FRAME.format(
        f'<{tag}><SourceFilename relativeToVRT="0">{source}</SourceFilename><SourceBand>1</SourceBand></{tag}>'
    )


def write_tif(path: Path, *, pixels: int = 7, size: int = 10, **tags: Any) -> Path:
    options = {"driver": "GTiff", "count": 1, "height": size, "width": size, "dtype": "uint8", "crs": "EPSG:32754"}
    with rasterio.open(path, "w", transform=from_origin(600000, 6500000, 30, 30), **options) as file:
        file.write(np.full((1, size, size), pixels, "uint8"))
        for domain, pairs in tags.items():
            file.update_tags(ns=domain, **pairs)
    return path


@pytest.fixture
def trap() -> Iterator[tuple[str, list[str]]]:
    """A server that notes who asks."""
    asked: list[str] = []

    class Noting(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Noting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def hostile(folder: Path, address: str) -> dict[str, str]:
    """Return hrefs that would make GDAL read other files or ask other hosts, by name."""
    secret = write_tif(folder / "secret.tif")
    inside = {
        "vrt as tif": ("a.tif", vrt(f"/vsicurl/{address}/a.tif")), "vrt as png": ("b.png", vrt(str(secret))),
        "vrt": ("c.vrt", vrt(str(secret))), "vrt with space": ("d.tif", "  \n" + vrt(str(secret))),
        "wms": ("e.tif", f'<GDAL_WMS><Service name="WMS"><ServerUrl>{address}/wms?</ServerUrl></Service></GDAL_WMS>'),
        "kernel": ("f.vrt", vrt(f"/vsicurl/{address}/f.tif", "KernelFilteredSource")),
        "vrt http": ("g.vrt", vrt(f"/vsicurl/{address}/g.tif")),
        "entity": ("h.vrt", "<!DOCTYPE x [<!ENTITY a 'b'>]>" + vrt("/vsicurl/https://example.com/x.tif")),
    }  # fmt: skip
    for name, text in inside.values():
        (folder / name).write_text(text)
    comment = vrt(str(secret)).encode()
    (folder / "i.jpg").write_bytes(
        b"\xff\xd8\xff\xfe" + struct.pack(">H", 0x2020) + comment.ljust(0x201E) + b"\xff\xd9"
    )
    overviews = write_tif(folder / "j.tif", OVERVIEWS={"OVERVIEW_FILE": f"/vsicurl/{address}/overviews.tif"})
    positions = write_tif(folder / "k.tif", GEOLOCATION={"X_DATASET": str(secret), "Y_DATASET": str(secret)})
    return {
        **{name: str(folder / file) for name, (file, _) in inside.items()}, "polyglot": str(folder / "i.jpg"),
        "overviews": str(overviews), "positions": str(positions), "inline": vrt(str(secret)), "vrt://": f"vrt://{secret}?bands=1",
        "vsicurl": f"/vsicurl/{address}/x.tif", "vsizip": f"/vsizip/{secret}", "WMS": f"WMS:{address}/?",
        "STACIT": f'STACIT:"{address}/items.json"', "ftp": "ftp://example.com/x.tif", "json": '{"type": "Feature"}',
        "GTIFF_DIR": f"GTIFF_DIR:1:{secret}", "/vsimem": "/vsimem/x.tif", "text": str(folder.joinpath("t.tif")),
    }  # fmt: skip


def test_nothing_but_files_with_pixels_is_opened(trap: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = trap
    (tmp_path / "t.tif").write_text("text")
    for name, href in hostile(tmp_path, address).items():
        with pytest.raises((ReadError, rasterio.errors.RasterioError)), open_raster(href) as dataset:
            pytest.fail(f"{name} was opened by {dataset.driver}")
        with pytest.raises(ReadError):
            require_raster(href)
        if not name.startswith(("vsicurl", "inline", "json")) and href.endswith((".vrt", ".tif")):
            assert sign(href) == href
    assert asked == []


def beside(folder: Path) -> dict[str, Path]:
    """Return rasters of sevens that lead to one of 99 by a file next to them, by name."""
    secret = write_tif(folder / "secret.tif", pixels=99, size=5)
    text = vrt(str(secret)).replace('"10"', '"5"')
    pam = '<PAMDataset><Metadata domain="{}">{}</Metadata></PAMDataset>'
    item = f'<MDI key="{{}}">{secret}</MDI>'
    made = {
        "overviews": (".ovr", text), "capitals": (".OVR", text), "mask": (".msk", text),
        "named overviews": (".aux.xml", pam.format("OVERVIEWS", item.format("OVERVIEW_FILE"))),
        "positions": (".aux.xml", pam.format("GEOLOCATION", item.format("X_DATASET") + item.format("Y_DATASET"))),
    }  # fmt: skip
    paths = {}
    for name, (suffix, content) in made.items():
        paths[name] = write_tif(folder / f"{name}.tif", size=20)
        Path(f"{paths[name]}{suffix}").write_text(content)
    paths["link"] = write_tif(folder / "link.tif", size=20)
    Path(f"{paths['link']}.ovr").symlink_to(write_tif(folder / "other.tif", pixels=99, size=10))
    return paths


@pytest.mark.parametrize("options", [{}, {"chunks": {}}, {"driver": "rio"}])
def test_no_file_next_to_a_raster_leads_elsewhere(options: dict[str, Any], tmp_path: Path) -> None:
    """GDAL takes any format for overviews and masks next to a file; the values must not come from there."""
    ring = [[141, -32], [143, -32], [143, -31], [141, -31], [141, -32]]
    for name, path in beside(tmp_path).items():
        with pytest.raises(ReadError, match="not opened"), open_raster(str(path)):
            pytest.fail(f"{name} was opened")
        with pytest.raises(ReadError, match="not opened"):
            require_raster(str(path))
        for step in (30, 60, 120):
            grid = GeoBox((600 // step, 600 // step), from_origin(600000, 6500000, step, step), "EPSG:32754")
            document = {
                "type": "Feature", "stac_version": "1.1.0", "id": "a", "links": [], "stac_extensions": [],
                "geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": [141, -32, 143, -31],
                "properties": {"datetime": "2020-01-01T00:00:00Z"},
                "assets": {"b": {"href": str(path), "type": "image/tiff; application=geotiff", "roles": ["data"],
                                 **PLACE, "proj:shape": [20, 20]}},
            }  # fmt: skip
            try:
                cube = stacaster.load([pystac.Item.from_dict(document)], bands=["b"], geobox=grid, **options)
                values = set(np.unique(cube["b"].values))
            except (LoadError, ReadError):
                continue
            assert values <= {7}, (name, step)


def test_good_companions_are_used(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "x.tif", size=64)
    with rasterio.Env(TIFF_USE_OVR="YES"), rasterio.open(path, "r+") as file:
        file.build_overviews([2])
    assert Path(f"{path}.ovr").is_file()
    with open_raster(str(path)) as dataset:
        assert dataset.overviews(1) == [2]


def test_hdf5_that_names_other_files_is_not_read(tmp_path: Path) -> None:
    import h5py

    (tmp_path / "secret.bin").write_bytes(bytes(range(100)))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.full((10, 10), 99, "uint8")
    layout = h5py.VirtualLayout((10, 10), "uint8")
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "x", (10, 10))

    def external(file: h5py.File) -> None:
        file.create_dataset("a/b", (10, 10), "uint8", external=[(str(tmp_path / "secret.bin"), 0, 100)])

    def linked(file: h5py.File) -> None:
        file["a/b"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")

    def virtual(file: h5py.File) -> None:
        file.create_virtual_dataset("b", layout)

    for number, act in enumerate((external, linked, virtual)):
        path = tmp_path / f"{number}.h5"
        with h5py.File(path, "w") as file:
            file["plain"] = np.zeros((10, 10), "uint8")
            act(file)
        with pytest.raises(ReadError, match="another file"):
            require_raster(str(path))
        report = stacaster.ingest([path], catalog=tmp_path / "c")
        assert [outcome.status for outcome in report.outcomes] == ["failed"]
        assert "another file" in str(report.outcomes[0].reason)


def test_rasters_are_opened_with_a_list_of_formats(repository: Path) -> None:
    """No module lets GDAL choose the format: ``opening`` has the list, and the only way for files that users name."""
    wrong = []
    for path in sorted((repository / "stacaster").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or path.name == "opening.py":
                continue
            called = ast.unparse(node.func)
            is_read = "'w'" not in [ast.unparse(argument) for argument in node.args]
            is_open = is_read and called in ("rasterio.open", "rio.open", "DatasetReader", "gdal.Open", "gdal.OpenEx")
            is_any = called.endswith(("open_rasterio", "rasterio.shutil.copy"))
            if is_any or (is_open and "driver" not in {keyword.arg for keyword in node.keywords}):
                wrong.append(f"{path.name}:{node.lineno} {called}")
    assert wrong == []


@pytest.mark.parametrize("options", [{}, {"chunks": {}}, {"driver": "rio"}])
def test_loads_and_reports_read_no_other_file(
    options: dict[str, Any], trap: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, asked = trap
    grid = GeoBox((10, 10), from_origin(600000, 6500000, 30, 30), "EPSG:32754")
    hrefs = hostile(tmp_path, address)
    # The first is no raster; of the others our reader reads the pixels alone.
    del hrefs["text"], hrefs["overviews"], hrefs["positions"]
    for name, href in hrefs.items():
        asset = {"href": href, "type": "image/tiff; application=geotiff", "roles": ["data"], **PLACE}
        ring = [[141, -32], [143, -32], [143, -31], [141, -31], [141, -32]]
        document = {
            "type": "Feature", "stac_version": "1.1.0", "id": "a", "collection": "c", "links": [],
            "stac_extensions": [],
            "geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": [141, -32, 143, -31],
            "properties": {"datetime": "2020-01-01T00:00:00Z"}, "assets": {"b": asset},
        }  # fmt: skip
        with pytest.raises((LoadError, ReadError)):
            stacaster.load([pystac.Item.from_dict(document)], bands=["b"], geobox=grid, **options).compute()
            pytest.fail(f"{name} was read")
    assert asked == []


def test_a_thumbnail_that_is_a_virtual_raster_is_not_shown(trap: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = trap
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.png").write_text(vrt(f"/vsicurl/{address}/thumb.tif"))
    ring = [[138, -32], [139, -32], [139, -31], [138, -31], [138, -32]]
    item = {
        "type": "Feature", "stac_version": "1.1.0", "id": "a", "links": [], "bbox": [138, -32, 139, -31],
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {"datetime": "2020-01-01T00:00:00Z"},
        "assets": {"thumbnail": {"href": "t.png", "type": "image/png", "roles": ["thumbnail"]}},
    }  # fmt: skip
    (tmp_path / "in" / "item.json").write_text(json.dumps(item))
    assert len(stacaster.import_items(tmp_path / "in" / "item.json", catalog=tmp_path / "c").ingested) == 1
    page = stacaster.catalog.write_report(tmp_path / "x.html", catalog=tmp_path / "c").read_text()
    assert "data:image" not in page.partition("const")[2]
    assert asked == []
    item_table.close_databases()


def test_our_own_virtual_rasters_and_plain_files_are_opened(tmp_path: Path) -> None:
    good = vrt("/vsicurl/https://example.com/x.tif")
    signed = vrt("/vsicurl?pc_url_signing=yes&amp;pc_collection=c&amp;url=https%3A%2F%2Fexample.com%2Fx.tif")
    assert is_own_vrt(good) and is_own_vrt(signed)
    (tmp_path / "x.vrt").write_text(good)
    require_raster(str(tmp_path / "x.vrt"))
    require_raster(good)
    path = write_tif(tmp_path / "a b.tif")
    for href in (str(path), path.as_uri()):
        require_raster(href)
        with open_raster(href) as dataset:
            assert dataset.read(1)[0, 0] == 7
