"""What a person does and sees on the page of Label Studio, for the tests in a browser."""

from playwright.sync_api import Page

from tests.builders import ARTIFACTS


def drag_over(page: Page, quote: str) -> None:
    """Mark a stretch of the article's text with the mouse."""
    box = page.evaluate(
        """quote => {
            const root = document.querySelector('.lsf-richtext__container');
            const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
            for (let node = walker.nextNode(); node; node = walker.nextNode()) {
                const at = node.textContent.indexOf(quote);
                if (at < 0) continue;
                const range = document.createRange();
                range.setStart(node, at); range.setEnd(node, at + quote.length);
                const r = range.getBoundingClientRect();
                return {left: r.left, right: r.right, y: r.top + r.height / 2};
            }
        }""",
        quote,
    )
    page.mouse.move(box["left"] + 1, box["y"])
    page.mouse.down()
    page.mouse.move(box["right"] - 1, box["y"], steps=5)
    page.mouse.up()


def picture(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png")
