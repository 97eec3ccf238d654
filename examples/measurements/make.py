"""Makes the samples in this folder: reports of a small synthetic city, and a scan of an office floor.

python examples/measurements/make.py
"""

import csv
import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
FULL_DBM, TODAY_DBM, TERMINAL_DBM = 44.0, 41.0, 23.0
SUBCARRIERS = 12 * 51  # NR, 20 MHz, 30 kHz
EPRE_DBM = round(TODAY_DBM - 10 * np.log10(SUBCARRIERS), 1)
SRS_EPRE_DBM = round(TERMINAL_DBM - 10 * np.log10(SUBCARRIERS), 1)
START_S = 1_790_000_000  # September 2026


def loss_db(distance_m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Urban macro cells without line of sight at 3.5 GHz: 3GPP TR 38.901, table 7.4.1-1, terminals 1.5 m high."""
    return (
        13.54
        + 39.08 * np.log10(distance_m)
        + 20 * np.log10(3.5)
        + 6.0 * rng.standard_normal(distance_m.shape)
    )


def table(name: str, header: list[str], rows: list[list[object]]) -> None:
    """Write a CSV file."""
    with (FOLDER / name).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def city() -> None:
    """Seven cells 400 m apart with two terminals each, reported in four ways."""
    rng = np.random.default_rng(20_552)
    angle = np.radians(60 * np.arange(6))
    cells = np.vstack([[0.0, 0.0], 400 * np.stack([np.cos(angle), np.sin(angle)], -1)]).round()
    names = [f"C{number}" for number in range(7)]
    header = [
        "cell",
        "technology",
        "bandwidth_mhz",
        "subcarrier_spacing_khz",
        "transmit_power_dbm",
        "epre_dbm",
    ]
    rows = [
        [name, "nr", 20, 30, FULL_DBM, EPRE_DBM, TODAY_DBM, *place.astype(int)]
        for name, place in zip(names, cells, strict=True)
    ]
    table("cells.csv", [*header, "power_dbm", "x_m", "y_m"], rows)

    terminals = (rng.random((300, 2)) * 1200 - 600).round(1)
    loss = loss_db(
        np.hypot(*(terminals[:, None] - cells).transpose(2, 0, 1)).clip(35), rng
    )  # [terminals, cells]
    serving = loss.argmin(1)
    kept = np.concatenate([np.flatnonzero(serving == cell)[:2] for cell in range(7)])
    rsrp_dbm = np.floor(EPRE_DBM - loss + 2.0 * rng.standard_normal(loss.shape)).astype(int)
    requests, lines, uplink = [], [], []
    for number, terminal in enumerate(kept):
        order = np.argsort(-rsrp_dbm[terminal])[:5]
        time_s, own = START_S + int(rng.integers(60)), names[serving[terminal]]
        order = [serving[terminal], *(cell for cell in order if cell != serving[terminal])]
        measured = [
            {
                "cellId": names[cell],
                "measTimestampRf": time_s,
                "rfMeasurements": {"rsrp": int(rsrp_dbm[terminal, cell])},
            }
            for cell in order
        ]
        requests.append(
            {
                "predictionUE": f"UE{number}",
                "ueMeasurements": {"servingCellId": own},
                "cellMeasurements": measured,
            }
        )
        place = terminals[terminal]
        for cell in order:
            level = (EPRE_DBM - loss[terminal, cell] + 2.0 * rng.standard_normal()).round(1)
            lines.append([time_s, f"UE{number}", own, names[cell], level, *place])
            srs = np.floor(SRS_EPRE_DBM - loss[terminal, cell] + 2.0 * rng.standard_normal())
            uplink.append([time_s, f"UE{number}", own, names[cell], int(srs), TERMINAL_DBM, SRS_EPRE_DBM])
    (FOLDER / "reports.json").write_text("[\n" + ",\n".join(map(json.dumps, requests)) + "\n]\n")
    table("drive_test.csv", ["time", "terminal", "serving", "cell", "rsrp_dbm", "x_m", "y_m"], lines)
    header = ["time", "terminal", "serving", "cell", "rsrp_dbm", "transmit_power_dbm", "srs_epre_dbm"]
    table("srs.csv", header, uplink)
    counters(names, serving, rsrp_dbm)


def counters(names: list[str], serving: np.ndarray, rsrp_dbm: np.ndarray) -> None:
    """Bins of eight report values of all terminals of a cell, of the cell and of its neighbours."""
    rows = []
    for cell, name in enumerate(names):
        for other, neighbour in enumerate(names):
            values = rsrp_dbm[serving == cell, other] + 157  # TS 38.133, table 10.1.6.1-1
            for first in range(8, 120, 8):
                count = int(((values >= first) & (values < first + 8)).sum())
                rows += [[name, "" if other == cell else neighbour, first, first + 7, count]] if count else []
    table("counters.csv", ["cell", "neighbour", "first", "last", "count"], rows)


def floor() -> None:
    """An office of eight rooms, 15 m x 15 m, with an access point and a client each; walls of 7 dB."""
    rng = np.random.default_rng(38_133)
    rooms = np.stack(np.meshgrid(np.arange(4), np.arange(2)), -1).reshape(-1, 2)
    points, clients = 15.0 * rooms + 7.5, (15.0 * (rooms + rng.random((8, 2)))).round(1)
    bssids = [f"02:00:00:00:00:{number:02x}" for number in range(8)]
    rows = [[bssid, 23, 17, 36, 80, *place] for bssid, place in zip(bssids, points, strict=True)]
    table(
        "access_points.csv",
        ["bssid", "transmit_power_dbm", "power_dbm", "channel", "bandwidth_mhz", "x_m", "y_m"],
        rows,
    )
    lines = []
    for receivers, is_client in ((points, False), (clients, True)):
        offset = np.hypot(*(receivers[:, None] - points).transpose(2, 0, 1)).clip(1)
        walls = np.abs(rooms[:, None] - rooms).sum(-1)
        loss = 47.0 + 30 * np.log10(offset) + 7.0 * walls + 3.0 * rng.standard_normal(offset.shape)
        level = np.round(17 - loss).astype(int)  # [receivers, points]
        for number in range(8):
            for point in range(8):
                if level[number, point] < -92 or (number == point and not is_client):
                    continue
                name = f"client{number}" if is_client else bssids[number]
                own = [bssids[number], *receivers[number]] if is_client else ["", "", ""]
                lines.append([name, bssids[point], level[number, point], *own])
    table("scan.csv", ["receiver", "bssid", "level_dbm", "connected", "x_m", "y_m"], lines)


if __name__ == "__main__":
    city()
    floor()
