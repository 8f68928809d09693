"""Whether a text holds trees that LightGBM can read: it ends the process when it meets others."""

import re
from collections.abc import Sequence

_PARAMETER = re.compile(r"\[\w+: .*\]")
_ENDS = ("end of trees", "end of parameters")
_PLACES = ("split_feature", "left_child", "right_child", "decision_type")
_OF_CUTS = ("threshold", "split_gain", "internal_value", "internal_weight", "internal_count")
_OF_LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
_CATEGORIES = ("cat_boundaries", "cat_threshold")


def check_trees(text: str, inputs: Sequence[str], objective: str = "binary") -> None:
    """Raise ValueError unless a text is that of a model over so many inputs, whole and consistent.

    Parameters
    ----------
    text
        Of ``Booster.model_to_string``, of trees without linear leaves.
    inputs
        Names of what the trees look at, in order.
    objective
        What they were grown for.

    Raises
    ------
    ValueError
        Saying what is wrong.

    Examples
    --------
    >>> check_trees("tree", ["aum"])
    Traceback (most recent call last):
        ...
    ValueError: the trees are cut off
    """
    head, _gap, rest = text.partition("\n\n")
    if not text.startswith("tree\n") or any(f"\n{end}\n" not in text for end in _ENDS):
        raise ValueError("the trees are cut off")
    header = _fields(head)
    for name, value in (("num_class", "1"), ("num_tree_per_iteration", "1"), ("max_feature_idx", str(len(inputs) - 1))):
        if header.get(name) != value:
            raise ValueError(f"{name} is {header.get(name)!r}, not {value!r}")
    if header.get("objective", "").split()[:1] != [objective]:
        raise ValueError(f"objective is {header.get('objective')!r}, not {objective}")
    if header.get("feature_names", "").split() != list(inputs) or len(header["feature_infos"].split()) != len(inputs):
        raise ValueError(f"the trees do not look at the {len(inputs)} inputs of the record")
    content, start = rest.encode(), 0
    for number, size in enumerate(map(int, header["tree_sizes"].split())):
        tree = content[start : start + size].decode()
        start += size
        if size < 1 or not tree.startswith(f"Tree={number}\n") or not tree.endswith("\n\n"):
            raise ValueError(f"tree {number} is not of its size")
        _check_tree(_fields(tree), number, len(inputs))
    if not content[start:].startswith(b"end of trees\n"):
        raise ValueError("the trees are not as many as told")
    parameters = text.partition("\nparameters:")[2].partition("end of parameters")[0]
    if not parameters or not all(_PARAMETER.fullmatch(line) for line in parameters.split("\n") if line):
        raise ValueError("the parameters are damaged")


def _fields(text: str) -> dict[str, str]:
    """Return what stands behind each name's equals sign, line by line."""
    return {name: value for name, sign, value in (line.partition("=") for line in text.splitlines()) if sign}


def _check_tree(tree: dict[str, str], number: int, inputs: int) -> None:
    """Raise ValueError unless a tree's lists are of the right length and point to what is there."""
    leaves, categories = int(tree["num_leaves"]), int(tree["num_cat"])
    inner = leaves - 1
    shrinkage, linear = float(tree["shrinkage"]), int(tree["is_linear"])
    fine = leaves >= 1 and 0 < shrinkage <= 1 and linear == 0
    measured = {name: [float(text) for text in tree.get(name, "").split()] for name in (*_OF_CUTS, *_OF_LEAVES)}
    whole = {name: [int(text) for text in tree.get(name, "").split()] for name in (*_PLACES, *_CATEGORIES)}
    fine &= len(measured["leaf_value"]) == leaves
    if inner:
        fine &= all(len(measured[name]) == leaves for name in _OF_LEAVES)
        fine &= all(
            len(found[name]) == inner for found, names in ((measured, _OF_CUTS), (whole, _PLACES)) for name in names
        )
        fine &= all(0 <= one < inputs for one in whole["split_feature"])
        children = sorted(whole["left_child"] + whole["right_child"])
        fine &= children == [*range(-leaves, 0), *range(1, inner)]  # each once, and none leads back
        kinds = zip(measured["threshold"], whole["decision_type"], strict=True)
        fine &= all(0 <= cut < categories for cut, kind in kinds if kind & 1)
    if categories:
        edges = whole["cat_boundaries"]
        fine &= len(edges) == categories + 1 and edges == sorted(edges) and edges[:1] == [0]
        fine &= edges[-1:] == [len(whole["cat_threshold"])]
    if not fine:
        raise ValueError(f"tree {number} is damaged")
