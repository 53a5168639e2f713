"""How the controls look where viser's own look will not do."""

STYLE = """<style>
div:has(> button[data-block]) {
  display: inline-block; width: calc(50% - 2 * var(--mantine-spacing-xs)); vertical-align: top;
}
button[data-block] { min-height: 3.4em; font-size: 1.05em; padding: 0 0.4em; }
button[data-block] span { white-space: normal; }
.mantine-ScrollArea-content > div { padding-right: 0.6em; box-sizing: border-box; }
.lost {
  visibility: hidden; max-height: 0; overflow: hidden; margin: 0 0.75em; border-radius: 0.3em;
  background: #e03131; color: white; font-weight: bold; animation: lost 0s 3s forwards;
}
@keyframes lost {
  to { visibility: visible; max-height: 9em; padding: 0.6em; margin-bottom: 0.6em; }
}
div[style*="pointer-events: none"] .lost { animation-delay: 0s; }
div[style*="opacity: 0.5"]:has(.lost) { opacity: 1 !important; }
div[style*="pointer-events: none"]:has(.lost) :is(button, p, ul) {
  filter: grayscale(1); opacity: 0.4;
}
button[data-size="compact-xs"] { height: 2.6em; padding: 0 0.35em; }
@media (max-width: 576px) {
  .mantine-Paper-root[style*="width: 20em"] { max-height: 50% !important; }
  .mantine-Paper-root[style*="width: 20em"], .mantine-Paper-root [style*="width: 20em"] {
    width: 100vw !important;
  }
}
</style>"""
"""
In HTML: Hold and Resume side by side, to be found at once and with a thumb; nothing below the
scroll bar; no button that looks alive while the page is cut off; on a phone, controls of its whole
width, over its lower half only.
"""


def lost(turn: int) -> str:
    """
    Return what says that the page is cut off, three seconds after it was last shown anew.

    It is the page's own clock that runs: a server that is gone or held up says nothing.

    :param turn: any other number shows it anew
    """
    return (
        f'<div class="lost" data-turn="{turn}">'
        'Connection lost. Hold does not work from here. Reconnecting…</div>'
    )
