"""The application's icon in the forms that the systems want: PNG in the sizes of hicolor, ICO and ICNS.

    python -m builds.icons FOLDER

All are drawn from resources/icons/app.svg; of each system's form there is one file and no copy in the repository.
"""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

from builds.product import NAME, ROOT

DRAWING = ROOT / "resources/icons/app.svg"
#: Edges in pixels that hicolor has.
SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)
_ICO_SIZES = (16, 24, 32, 48, 64, 128, 256)
#: The types of ICNS that hold a PNG, by its edge; the icons for screens of double density are twice their name.
_ICNS_TYPES = {16: b"icp4", 32: b"icp5", 64: b"icp6", 128: b"ic07", 256: b"ic08", 512: b"ic09", 1024: b"ic10"}


def png(size: int) -> bytes:
    """The icon as a PNG with an edge of `size` pixels."""
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, Qt
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(str(DRAWING)).render(painter)
    painter.end()
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.save(buffer, "PNG"):  # type: ignore[call-overload]  # the stubs know file names only
        raise OSError(f"{DRAWING} could not be drawn")
    return bytes(data.data())


def ico(pictures: dict[int, bytes]) -> bytes:
    """An .ico file of PNG pictures, by their edges."""
    start = 6 + 16 * len(pictures)
    entries, body = b"", b""
    for size, picture in sorted(pictures.items()):
        # An edge of 256 is written as 0.
        entries += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(picture), start + len(body))
        body += picture
    return struct.pack("<HHH", 0, 1, len(pictures)) + entries + body


def icns(pictures: dict[int, bytes]) -> bytes:
    """An .icns file of PNG pictures, by their edges."""
    body = b"".join(
        _ICNS_TYPES[size] + struct.pack(">I", len(picture) + 8) + picture
        for size, picture in sorted(pictures.items())
    )
    return b"icns" + struct.pack(">I", len(body) + 8) + body


def main(folder: Path) -> None:
    """Write NAME.ico, NAME.icns, NAME.svg and NAME-SIZE.png into `folder`."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {size: png(size) for size in {*SIZES, *_ICO_SIZES, *_ICNS_TYPES}}
    for size in SIZES:
        (folder / f"{NAME}-{size}.png").write_bytes(pictures[size])
    (folder / f"{NAME}.svg").write_bytes(DRAWING.read_bytes())
    (folder / f"{NAME}.ico").write_bytes(ico({size: pictures[size] for size in _ICO_SIZES}))
    (folder / f"{NAME}.icns").write_bytes(icns({size: pictures[size] for size in _ICNS_TYPES}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
