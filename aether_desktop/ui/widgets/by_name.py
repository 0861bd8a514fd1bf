"""Enumerators by name, for the widgets of the first paint.

The first use of `Qt` has Python make its ninety enumerations, a tenth of the time until the window is seen. The
modules that are loaded before the first paint (`tests/desktop/test_first_paint.py` lists them) therefore name
enumerators of `Qt` by their text and import `Qt` only inside functions that run later.
"""

from PySide6.QtCore import QObject


def set_by_name(target: QObject, **enumerators: str) -> None:
    """Set properties to enumerators, such as `focusPolicy="StrongFocus"` or `alignment="AlignLeft|AlignTop"`.

    Raises `ValueError` for a property or an enumerator that `target` does not know.
    """
    for name, enumerator in enumerators.items():
        if not target.setProperty(name, enumerator):
            raise ValueError(f"{type(target).__name__} has no {name} that is called {enumerator}")
