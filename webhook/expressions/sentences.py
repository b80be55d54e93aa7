"""The sentences for what is wrong in an expression."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from webhook.expressions.functions import Overload
from webhook.expressions.operators import EQUALITY
from webhook.expressions.syntax import MACROS
from webhook.expressions.types import Type, fits
from webhook.text import nearest, printable

_LONGEST: Final = 60  # characters of a name in a sentence
_FORMS: Final = 4  # ways to call a function in a sentence


def unknown_name(name: str, bound: Iterable[str], variables: Iterable[str]) -> str:
    """Return the sentence for a variable that nothing declares."""
    known = list(variables)
    expected = _meant(nearest(name, (*bound, *known))) or f"; expected {', '.join(known)}"
    return f"unknown name {_shown(name)}{expected}"


def unknown_field(path: str, field: str, known: Iterable[str], *, others: bool) -> str:
    """Return the sentence for a field that nothing declares.

    Args:
        path: what it is read from.
        field: its name.
        known: the fields that are declared there.
        others: whether there may be others.
    """
    fields = list(known)
    like = nearest(field, fields)
    expected = [f"did you mean {path}.{like}?"] if like else []
    if others:
        expected.append(f'read a field that the webhook does not know as {path}["{_shown(field)}"]')
    return "; ".join((f"unknown field {path}.{_shown(field)}", *(expected or [f"expected one of {', '.join(fields)}"])))


def unknown_function(name: str, known: Iterable[str]) -> str:
    """Return the sentence for a function that there is not, or for a macro that is called as one."""
    if name in MACROS:
        return f"{name} takes a variable and an expression: LIST.{name}(x, EXPRESSION)"
    return f"unknown function {_shown(name)}{_meant(nearest(name, known))}"


def mismatch(operator: str, left: Type, right: Type) -> str:
    """Return the sentence for operands that an operator cannot take."""
    if operator in EQUALITY:
        return f"{left} and {right} are never equal; compare values of one type"
    if operator == "in":
        return f"expected a list of {left} values or a map with such keys after in, got {right}"
    return f"{operator} cannot take {left} and {right}"


def wrong_call(name: str, known: Iterable[Overload], types: tuple[Type, ...], *, method: bool) -> str:
    """Return the sentence for a call with values that no overload takes."""
    ways = list(known)
    of_target = [each for each in ways if method and each.method and types and fits(types[0], each.takes[0])]
    forms = dict.fromkeys(_form(name, each.takes, method=each.method) for each in of_target or ways)
    return f"expected {' or '.join(islice(forms, _FORMS))}, got {_form(name, types, method=method)}"


def _form(name: str, types: tuple[Type, ...], *, method: bool) -> str:
    """Return a call of `name` with types in place of values."""
    target, arguments = (f"{types[0]}.", types[1:]) if method else ("", types)
    return f"{target}{name}({', '.join(map(str, arguments))})"


def _meant(word: str) -> str:
    return f"; did you mean {word}?" if word else ""


def _shown(name: str) -> str:
    return printable(name[:_LONGEST])
