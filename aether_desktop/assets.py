"""Where the files of the `resources` folder are, in a checkout and in an installed package."""

from pathlib import Path, PurePosixPath

_PACKAGE = Path(__file__).resolve().parent

# A wheel carries the folder inside the package; a source checkout has it beside the package.
_ROOTS = (_PACKAGE / "_resources", _PACKAGE.parent / "resources")


class AssetMissingError(FileNotFoundError):
    """A file that belongs to the application is not there: the installation is incomplete."""

    def __init__(self, name: str, looked_in: tuple[Path, ...]) -> None:
        self.name = name
        self.looked_in = looked_in
        places = " and ".join(str(root) for root in looked_in)
        super().__init__(
            f"The file {name!r} of Aether Desktop is missing. Looked in {places}. "
            "The installation is incomplete; installing it again helps."
        )


def asset(name: str) -> Path:
    """Return the path of a shipped file, for example `asset("icons/app.svg")`.

    `name` is relative to the `resources` folder and uses forward slashes.
    Raises `AssetMissingError` when the file does not exist, `ValueError` when `name` leaves the folder.
    """
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise ValueError(f"An asset is named relative to the resources folder, not {name!r}")
    for root in _ROOTS:
        candidate = root / relative
        if candidate.is_file():
            return candidate
    raise AssetMissingError(name, _ROOTS)
