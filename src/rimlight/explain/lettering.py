"""Text on pictures, drawn with the one typeface that Pillow carries."""

from PIL import ImageFont


def font_of(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the typeface at a height in pixels."""
    return ImageFont.load_default(size)


def fitting(text: str, width: int, size: int) -> str:
    """Return the text, cut short where it does not fit."""
    font = font_of(size)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


def wrapped(text: str, width: int, size: int) -> list[str]:
    """Return the text in lines that fit."""
    font, lines = font_of(size), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
