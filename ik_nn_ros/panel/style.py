"""How the controls look where viser's own look will not do."""

STYLE = """<style>
div:has(> button[data-block]) {
  display: inline-block; width: calc(50% - 2 * var(--mantine-spacing-xs)); vertical-align: top;
}
button[data-block] { min-height: 3.4em; font-size: 1.05em; padding: 0 0.4em; }
button[data-block] span { white-space: normal; }
.mantine-ScrollArea-content > div { padding-right: 0.6em; box-sizing: border-box; }
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
scroll bar; on a phone, controls of its whole width, over its lower half only.
"""
