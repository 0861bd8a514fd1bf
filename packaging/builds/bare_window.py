"""A window with an empty table and nothing else: what any application of this kind is at least.

With AETHER_FIRST_PAINT set it prints the time of its first paint and ends, as the benchmarks want it.
"""

import os
import sys
import time

from PySide6.QtCore import QTimer
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QTableView


class Window(QMainWindow):
    """Says when it was first painted."""

    painted = False

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.painted and "AETHER_FIRST_PAINT" in os.environ:
            self.painted = True
            QTimer.singleShot(0, self.tell)

    def tell(self) -> None:
        print(time.time(), flush=True)
        os._exit(0)


def main() -> int:
    application = QApplication(sys.argv)
    window = Window()
    window.setCentralWidget(QTableView())
    window.resize(1440, 900)
    window.show()
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())
