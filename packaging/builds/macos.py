"""What macOS is told of the application: the Info.plist of its bundle."""

from __future__ import annotations

from builds.product import APP_ID, MIME_TYPE, SUFFIX, TITLE, URL_SCHEME, VENDOR, version


def info() -> dict[str, object]:
    """The keys of Info.plist beyond those that PyInstaller writes."""
    kind = f"{APP_ID}.store"
    return {
        "CFBundleDisplayName": TITLE,
        "CFBundleShortVersionString": version(),
        "CFBundleVersion": version(),
        "LSApplicationCategoryType": "public.app-category.developer-tools",
        # That of the wheels of PySide inside.
        "LSMinimumSystemVersion": "13.0",
        "NSHighResolutionCapable": True,
        "NSHumanReadableCopyright": f"{VENDOR}; MIT",
        "NSRequiresAquaSystemAppearance": False,
        "CFBundleDocumentTypes": [
            {
                "CFBundleTypeName": "Aether event store",
                "CFBundleTypeRole": "Editor",
                "LSHandlerRank": "Owner",
                "LSItemContentTypes": [kind],
            }
        ],
        "UTExportedTypeDeclarations": [
            {
                "UTTypeIdentifier": kind,
                "UTTypeDescription": "Aether event store",
                "UTTypeConformsTo": ["public.database", "public.data"],
                "UTTypeTagSpecification": {
                    "public.filename-extension": [SUFFIX.removeprefix(".")],
                    "public.mime-type": [MIME_TYPE],
                },
            }
        ],
        "CFBundleURLTypes": [
            {"CFBundleURLName": APP_ID, "CFBundleTypeRole": "Viewer", "CFBundleURLSchemes": [URL_SCHEME]}
        ],
    }
