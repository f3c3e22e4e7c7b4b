"""The words of a text, by which copies are found and parts are assigned."""

from functools import lru_cache

ASCII = bytes(range(128))
# ASCII letters in lower case, spaces for what is neither a letter nor a digit; other bytes unchanged.
FOLDED = bytes(byte if byte > 127 else ord(chr(byte).lower()) if chr(byte).isalnum() else 32 for byte in range(256))
MANY = 100


def words(text: str) -> list[str]:
    """The case-folded words, divided by white space and punctuation; without other words, punctuation is one.

    >>> words("Rebels left Qal‘at el-MUDIQ!"), words("?! …")
    (['rebels', 'left', 'qal', 'at', 'el', 'mudiq'], ['?!', '…'])
    """
    # Bytes are folded all at once; a text has few other characters.
    encoded = text.encode("utf-8", "replace")
    folded = encoded.translate(FOLDED).decode()
    beyond = set(encoded.translate(None, ASCII).decode())
    if len(beyond) > MANY:
        return folded.translate({ord(each): _folded(each) for each in beyond}).split()
    for each in beyond:
        if (other := _folded(each)) != each:
            folded = folded.replace(each, other)
    return folded.split() or encoded.decode().split()


@lru_cache(4096)
def _folded(character: str) -> str:
    return "".join(each if each.isalnum() else " " for each in character.casefold())
