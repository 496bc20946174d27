"""The shop's order service: a few orders that never change, for flows that ask another system. Pure."""

from __future__ import annotations

from typing import Any

_LENA = {"name": "Lena Fischer", "phone": "+4930901820", "pin": "4711"}
_WEI = {"name": "张伟", "phone": "+8613800138000", "pin": "8888"}
_AMARA = {"name": "Amara Okafor", "phone": "+447700900123", "pin": "2468"}

_ORDERS = {
    "1001": (_LENA, "shipped", "2026-03-02", 649.00, "EUR", "Dishwasher Nordlicht 45"),
    "1002": (_LENA, "processing", "2026-03-09", 39.90, "EUR", "Drain hose, 2 m"),
    "2001": (_WEI, "delivered", "2026-02-18", 4299.00, "CNY", "洗碗机 Nordlicht 60"),
    "2002": (_WEI, "cancelled", "2026-02-25", 129.00, "CNY", "洗涤剂套装"),
    "3001": (_AMARA, "returned", "2026-01-30", 89.50, "GBP", "Kettle Aurora"),
}


def find(number: str) -> dict[str, Any] | None:
    """By its number, however it is written (``#1001``, ``10 01``)."""
    digits = "".join(character for character in number if character.isascii() and character.isdigit())
    found = _ORDERS.get(digits)
    if found is None:
        return None
    customer, status, placed_on, total, currency, item = found
    return {
        "number": digits,
        "status": status,
        "placed_on": placed_on,
        "total": total,
        "currency": currency,
        "item": item,
        "name": customer["name"],
        "phone": customer["phone"],
    }


def verify(who: str, pin: str) -> bool:
    """Whether ``pin`` is the one of the customer whose telephone or order ``who`` is."""
    order = find(who)
    phone = order["phone"] if order else who
    return any(customer["phone"] == phone and customer["pin"] == pin for customer in (_LENA, _WEI, _AMARA))
