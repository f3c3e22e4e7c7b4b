"""What a person does in the editor: mark with the mouse, press a key, click. For the scripts that capture."""

from typing import Any

# Where a stretch of shown text lies on the screen: from `first` to the end of `last`, in pixels of its frame.
EDGES = """([first, last, nth]) => {
    const root = document.querySelector(".lsf-main-view__annotation, [class*=htx-richtext]") || document.body;
    const nodes = [];
    let shown = '';
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        if (node.parentElement.closest('script, style, noscript')) continue;
        nodes.push([node, shown.length]);
        shown += node.data;
    }
    const place = at => {
        const [node, begin] = nodes.findLast(([_, begin]) => begin <= at);
        return [node, at - begin];
    };
    const find = (quote, n, from) => {
        for (let at = shown.indexOf(quote, from); at >= 0; at = shown.indexOf(quote, at + 1)) {
            const range = document.createRange();
            range.setStart(...place(at));
            const [last, begin] = place(at + quote.length - 1);
            range.setEnd(last, begin + 1);
            const boxes = [...range.getClientRects()].filter(box => box.width > 0);
            if (boxes.length && n-- <= 0) {
                const [a, z] = [boxes[0], boxes[boxes.length - 1]];
                const rtl = /[\\u0590-\\u08ff]/.test(quote);
                return rtl ? [a.right, a.top + a.height / 2, z.left, z.top + z.height / 2, -1, at]
                           : [a.left, a.top + a.height / 2, z.right, z.top + z.height / 2, 1, at];
            }
        }
        throw new Error(`nothing on the page says ${quote}`);
    };
    const a = find(first, nth, 0);
    const z = find(last, 0, a[5]);
    return [a[0] + a[4], a[1], z[2] - z[4], z[3]];
}"""

# What is shown of a page, by the browser's own reckoning; in a fresh copy, since highlights split the texts.
SHOWN = """srcdoc => {
    const page = new DOMParser().parseFromString(srcdoc, 'text/html');
    const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    let text = '';
    for (let node = walker.nextNode(); node; node = walker.nextNode())
        text += node.nodeType === Node.TEXT_NODE ? node.data : node.nodeName === 'BR' ? '\\n' : '';
    return {html: srcdoc, text};
}"""

BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def edges(page: Any, first: str, last: str, nth: int) -> tuple[float, float, float, float]:
    """The points, in pixels of the page, between which to drag the mouse."""
    frame = next((f for f in page.frames if f is not page.main_frame), page.main_frame)
    corner = {"x": 0, "y": 0} if frame is page.main_frame else frame.frame_element().bounding_box()
    x1, y1, x2, y2 = frame.evaluate(EDGES, [first, last or first, nth])
    return corner["x"] + x1, corner["y"] + y1, corner["x"] + x2, corner["y"] + y2


def drag(page: Any, first: str, last: str = "", nth: int = 0) -> None:
    """Mark with the mouse what is shown from the beginning of `first` to the end of `last`; `nth` counts from 0."""
    x1, y1, x2, y2 = edges(page, first, last, nth)
    page.mouse.move(x1, y1)
    page.mouse.down()
    page.mouse.move(x2, y2, steps=6)
    page.mouse.up()
    page.wait_for_timeout(400)


def click(page: Any, quote: str, nth: int = 0) -> None:
    """Click on what is shown: selects the region there."""
    x1, y1, x2, _ = edges(page, quote, quote, nth)
    page.mouse.click((x1 + x2) / 2, y1)
    page.wait_for_timeout(500)


def label(page: Any, key: str, first: str, last: str = "", nth: int = 0) -> None:
    """Press a label's key and mark a stretch with it; afterwards no region is selected."""
    page.keyboard.press(key)
    page.wait_for_timeout(150)
    drag(page, first, last, nth)
    page.keyboard.press("Escape")
    page.wait_for_timeout(200)
