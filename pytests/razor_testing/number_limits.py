"""Values of faults that are out of range get an error which says what is wanted."""


def check_number(name: str, value: float, least: float, most: float) -> None:
    """Raises ValueError."""
    if not least <= value <= most:  # false of NaN, too
        raise ValueError(f"{name}: want {least:g} .. {most:g}, not {value:g}")
