/** Light, dark, or as the system has it; the choice is remembered in this browser. */

import {effect, signal} from '@preact/signals'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const KEY = 'background-transfer-theme'

function remembered(): Theme {
  try {
    const stored = localStorage.getItem(KEY)
    return THEMES.find((name) => name === stored) ?? 'system'
  } catch {
    // Storage may be forbidden: the choice lasts as long as the page.
    return 'system'
  }
}

export const theme = signal<Theme>(remembered())

export function followTheme(): void {
  effect(() => {
    document.documentElement.dataset.theme = theme.value
    try {
      localStorage.setItem(KEY, theme.value)
    } catch {}
  })
}

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system'
}
