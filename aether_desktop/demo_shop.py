"""The shop of the demo: what its customers and its warehouse do, as journeys that tell one event after another.

A journey is a generator that yields either a `Draft`, to be stored now, or a number of seconds to wait. Whoever
runs it decides what time is: the demo file lives through days in a moment, the simulator lives in the present.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from aether_engine.codec import format_timestamp
from aether_engine.event import CAUSATION_ID, CORRELATION_ID, SPAN_ID, TRACE_ID, USER_ID, Event

Journey = Generator["Draft | float", None, None]

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0

# SKU, name, price in the tenant's currency.
_GOODS: Final = (
    ("KET-1700-BK", "Kettle 1.7 l, black", "39.90"),
    ("MUG-0350-WH", "Mug 350 ml, white", "8.50"),
    ("TEA-EG-100", "Earl Grey, 100 g", "6.95"),
    ("TEA-SE-100", "Sencha, 100 g", "11.20"),
    ("POT-0900-GL", "Teapot 900 ml, glass", "27.00"),
    ("SCA-5000-SS", "Kitchen scale 5 kg", "24.99"),
    ("FIL-PAP-100", "Paper filters, 100 pcs", "3.40"),
    ("GRI-HAND-01", "Hand grinder", "64.00"),
    ("COF-ETH-500", "Coffee Yirgacheffe, 500 g", "14.80"),
    ("COF-COL-500", "Coffee Huila, 500 g", "13.60"),
    ("TOW-LIN-02", "Linen towels, 2 pcs", "18.75"),
    ("TRA-OAK-40", "Oak tray 40 cm", "45.50"),
)
_PEOPLE: Final = (
    ("Zoë Lindqvist", "SE", "Malmö"),
    ("Mateo Fernández", "ES", "Valencia"),
    ("Aoife Byrne", "IE", "Cork"),
    ("山田 花子", "JP", "京都"),
    ("Jonas Weiß", "DE", "Köln"),
    ("Łucja Nowak", "PL", "Gdańsk"),
    ("Amara Okafor", "NG", "Enugu"),
    ("Élodie Marchand", "FR", "Nantes"),
    ("Sam O'Connor", "GB", "Leeds"),
    ("Priya Raman", "IN", "Kochi"),
)
_CARRIERS: Final = ("DHL", "UPS", "PostNord", "DPD")
_DECLINES: Final = ("insufficient_funds", "expired_card", "suspected_fraud")


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that has everything but its version and its time."""

    id: str
    event_type: str
    actor_id: str
    data: dict[str, Any]
    metadata: dict[str, str]
    command_id: str = ""

    def event(self, version: int, moment: datetime, nanoseconds: str = "") -> Event:
        """The event, with amounts spelled as a shop spells them: 19.90, not 19.9.

        `nanoseconds` are three more digits for the time, as a producer written in Go sends them.
        """
        document = {"id": self.id, "eventType": self.event_type, "actorId": self.actor_id}
        if self.command_id:
            document["commandId"] = self.command_id
        text = format_timestamp(moment)
        if nanoseconds:
            text = f"{moment:%Y-%m-%dT%H:%M:%S.%f}{nanoseconds}Z"
        rest = {"version": version, "data": self.data, "metadata": self.metadata, "timestamp": text}
        return Event.from_json(spell({**document, **rest}).encode())


def spell(value: object) -> str:
    """JSON in which a `Decimal` keeps its trailing zeros."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{spell(key)}:{spell(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(spell, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


@dataclass(slots=True)
class Stock:
    """What the warehouse believes it has of one article."""

    on_hand: int
    reserved: int = 0


@dataclass(slots=True)
class _Flow:
    """One conversation: every draft of it has the same correlation and names the one before as its cause."""

    shop: Shop
    correlation_id: str
    user_id: str
    cause: str = ""
    traced: bool = False
    trace_id: str = field(default="", init=False)

    def __post_init__(self) -> None:
        if self.traced:
            self.trace_id = f"{self.shop.random.getrandbits(128):032x}"

    def tell(
        self, event_type: str, actor_id: str, data: dict[str, Any], *, by: str = "", command: str = ""
    ) -> Draft:
        """The next event of the conversation, an effect of the one told before."""
        metadata = {CORRELATION_ID: self.correlation_id}
        if self.cause:
            metadata[CAUSATION_ID] = self.cause
        metadata[USER_ID] = by or self.user_id
        if self.trace_id:
            metadata[TRACE_ID] = self.trace_id
            metadata[SPAN_ID] = f"{self.shop.random.getrandbits(64):016x}"
        draft = Draft(self.shop.new_id(), event_type, actor_id, data, metadata, command)
        self.cause = draft.id
        return draft


class Shop:
    """One tenant's shop. The same seed leads to the same journeys."""

    def __init__(self, seed: int, *, currency: str = "EUR", first_number: int = 1001, articles: int = 12) -> None:
        # For believable variety; nothing secret hangs on it.
        self.random = random.Random(seed)  # noqa: S311 (variety, no secret)
        self.currency = currency
        self.goods = _GOODS[:articles]
        self.stock = {sku: Stock(0) for sku, _, _ in self.goods}
        self._number = first_number

    def new_id(self) -> str:
        """An event id."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def opening(self) -> Journey:
        """The first delivery of every article."""
        for sku, name, price in self.goods:
            yield from self._receive(sku, self.random.randint(60, 240), name=name, price=price)
            yield self.random.uniform(20, 200)

    def replenishment(self) -> Journey:
        """A delivery of what runs low, or a count of one article's shelf."""
        low = [sku for sku, stock in self.stock.items() if stock.on_hand < 40]
        if low:
            for sku in low:
                yield from self._receive(sku, self.random.choice((60, 120, 240)))
                yield self.random.uniform(30, 300)
            return
        sku = self.random.choice(self.goods)[0]
        stock = self.stock[sku]
        flow = _Flow(self, f"count-{self.random.getrandbits(32):08x}", "warehouse-2")
        lost = self.random.choice((0, 0, 0, 1))
        stock.on_hand = max(stock.on_hand - lost, stock.reserved)
        yield flow.tell("StockCounted", f"stock-{sku}", {**self._levels(sku), "lost": lost})

    def _receive(self, sku: str, quantity: int, *, name: str = "", price: str = "") -> Journey:
        stock = self.stock[sku]
        stock.on_hand += quantity
        number = self.random.randint(40_000, 49_999)
        flow = _Flow(self, f"delivery-{number}", "warehouse-1")
        described = {"sku": sku, "name": name, "price": Decimal(price)} if name else {}
        described["supplierDelivery"] = f"LS-{number}"
        yield flow.tell("StockReceived", f"stock-{sku}", {**described, **self._levels(sku), "received": quantity})

    def visit(self) -> Journey:
        """A customer fills a cart and mostly buys it: cart → order → payment → stock → shipment."""
        number = self._number
        self._number += 1
        name, country, city = self.random.choice(_PEOPLE)
        customer = f"customer-{sum(map(ord, name)) % 9000 + 1000}"
        checkout = f"checkout-{number}-{self.random.getrandbits(24):06x}"
        flow = _Flow(self, checkout, customer, traced=number % 3 == 0)
        cart: dict[str, int] = {}
        yield from self._fill_cart(flow, f"cart-{number}", customer, cart)
        if not cart or self.random.random() < 0.12:
            yield self.random.uniform(2, 4) * _HOUR
            yield flow.tell("CartAbandoned", f"cart-{number}", {"status": "abandoned"}, by="svc-carts")
            return
        yield flow.tell("CartCheckedOut", f"cart-{number}", {"status": "checked out", "order": f"order-{number}"})
        yield self.random.uniform(0.05, 0.6)
        total = sum((self._price(sku) * quantity for sku, quantity in cart.items()), Decimal(0))
        shipping = Decimal("0.00") if total > 60 else Decimal("4.90")
        yield flow.tell(
            "OrderPlaced",
            f"order-{number}",
            {
                "customer": {"id": customer, "name": name},
                "status": "placed",
                "currency": self.currency,
                "lines": [
                    {"sku": sku, "quantity": quantity, "unitPrice": self._price(sku)}
                    for sku, quantity in cart.items()
                ],
                "shipping": shipping,
                "total": total + shipping,
                "address": {"city": city, "country": country},
            },
            command=f"place-order-{number}",
        )
        paid: list[bool] = []
        yield from self._pay(flow, number, total + shipping, paid)
        if not paid:
            yield flow.tell(
                "OrderCancelled", f"order-{number}", {"status": "cancelled", "reason": "not paid"}, by="svc-orders"
            )
            return
        yield from self._reserve(flow, number, cart)
        yield from self._ship(flow, number, cart)
        if self.random.random() < 0.07:
            yield from self._send_back(flow, number, total)

    def _fill_cart(self, flow: _Flow, cart_id: str, customer: str, cart: dict[str, int]) -> Journey:
        yield flow.tell("CartOpened", cart_id, {"customer": customer, "currency": self.currency, "status": "open"})
        for sku, _, _ in self.random.sample(self.goods, self.random.choice((1, 1, 2, 2, 3))):
            yield self.random.uniform(10, 240)
            cart[sku] = self.random.choice((1, 1, 1, 2, 4))
            item = {"quantity": cart[sku], "unitPrice": self._price(sku)}
            yield flow.tell("ItemAdded", cart_id, {"items": {sku: item}})
        if self.random.random() < 0.25:
            yield self.random.uniform(10, 120)
            sku = self.random.choice(list(cart))
            del cart[sku]
            # In a JSON merge, null takes the item out of the cart.
            yield flow.tell("ItemRemoved", cart_id, {"items": {sku: None}})
        yield self.random.uniform(20, 8 * _MINUTE)

    def _pay(self, flow: _Flow, number: int, amount: Decimal, paid: list[bool]) -> Journey:
        payment = f"payment-{number}"
        method = self.random.choice(("card", "card", "paypal", "invoice"))
        yield self.random.uniform(0.1, 2)
        request = {
            "order": f"order-{number}",
            "amount": amount,
            "currency": self.currency,
            "method": method,
            "status": "requested",
        }
        yield flow.tell("PaymentRequested", payment, request, by="svc-payments", command=f"pay-{number}")
        for attempt in (1, 2):
            yield self.random.uniform(1, 20)
            if self.random.random() < 0.9:
                break
            reason = self.random.choice(_DECLINES)
            declined = {"status": "declined", "declineReason": reason, "attempt": attempt}
            yield flow.tell("PaymentDeclined", payment, declined, by="svc-payments")
            yield self.random.uniform(1, 5) * _MINUTE
        else:
            return
        # Beyond 2**53: a reference that a viewer with floating-point numbers would show wrongly.
        reference = 9_007_199_254_740_993 + self.random.getrandbits(52)
        authorized = {"status": "authorized", "providerReference": reference, "declineReason": None}
        yield flow.tell("PaymentAuthorized", payment, authorized, by="svc-payments")
        yield self.random.uniform(0.2, 3)
        yield flow.tell("PaymentCaptured", payment, {"status": "captured", "captured": amount}, by="svc-payments")
        paid.append(True)
        yield self.random.uniform(0.1, 1)
        order = {"status": "paid", "payment": {"id": payment, "method": method}}
        yield flow.tell("OrderPaid", f"order-{number}", order, by="svc-orders")

    def _reserve(self, flow: _Flow, number: int, cart: dict[str, int]) -> Journey:
        for sku, quantity in cart.items():
            yield self.random.uniform(0.2, 5)
            self.stock[sku].reserved += quantity
            reserved = {**self._levels(sku), "lastOrder": f"order-{number}"}
            yield flow.tell("StockReserved", f"stock-{sku}", reserved, by="svc-stock")

    def _ship(self, flow: _Flow, number: int, cart: dict[str, int]) -> Journey:
        shipment = f"shipment-{number}"
        carrier = self.random.choice(_CARRIERS)
        yield self.random.uniform(0.3, 5) * _HOUR
        created = {"order": f"order-{number}", "carrier": carrier, "status": "created", "parcels": 1}
        yield flow.tell("ShipmentCreated", shipment, created, by="warehouse-2")
        for sku, quantity in cart.items():
            yield self.random.uniform(20, 90)
            stock = self.stock[sku]
            stock.reserved = max(stock.reserved - quantity, 0)
            stock.on_hand = max(stock.on_hand - quantity, stock.reserved)
            picked = {**self._levels(sku), "lastOrder": f"order-{number}"}
            yield flow.tell("StockPicked", f"stock-{sku}", picked, by="warehouse-2")
        yield self.random.uniform(2, 20) * _MINUTE
        tracking = f"{carrier[:2].upper()}{self.random.randint(10**9, 10**10 - 1)}"
        weight = Decimal(self.random.randint(40, 900)) / 100
        handed_over = {"status": "in transit", "tracking": tracking, "weightKg": weight}
        yield flow.tell("ShipmentHandedOver", shipment, handed_over, by="warehouse-2")
        order = {"status": "shipped", "shipment": {"id": shipment, "tracking": tracking}}
        yield flow.tell("OrderShipped", f"order-{number}", order, by="svc-orders")
        yield self.random.uniform(14, 40) * _HOUR
        yield flow.tell("ShipmentDelivered", shipment, {"status": "delivered"}, by="svc-carriers")
        yield self.random.uniform(0.5, 4)
        yield flow.tell("OrderCompleted", f"order-{number}", {"status": "completed"}, by="svc-orders")

    def _send_back(self, flow: _Flow, number: int, total: Decimal) -> Journey:
        yield self.random.uniform(3, 12) * _HOUR
        wish = {"status": "return requested", "reason": "arrived damaged"}
        yield flow.tell("ReturnRequested", f"order-{number}", wish)
        yield self.random.uniform(6, 24) * _HOUR
        refund = {"status": "refunded", "refunded": total}
        yield flow.tell("PaymentRefunded", f"payment-{number}", refund, by="svc-payments")
        yield flow.tell("OrderReturned", f"order-{number}", {"status": "returned"}, by="svc-orders")

    def _price(self, sku: str) -> Decimal:
        return next(Decimal(price) for known, _, price in self.goods if known == sku)

    def _levels(self, sku: str) -> dict[str, Any]:
        stock = self.stock[sku]
        return {"onHand": stock.on_hand, "reserved": stock.reserved, "available": stock.on_hand - stock.reserved}


def moment_before(now: datetime, seconds: float) -> datetime:
    """`seconds` before `now`, to the microsecond."""
    return now - timedelta(microseconds=round(seconds * 1_000_000))
