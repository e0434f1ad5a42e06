/** Draws a component again only when a property is another object: all of Preact's compat that this page needs. */

import {Component, type ComponentChild, createElement, type FunctionComponent} from 'preact'

export function memo<Props extends object>(draw: (props: Props) => ComponentChild): FunctionComponent<Props> {
  class Memo extends Component<Props> {
    override shouldComponentUpdate(next: Props): boolean {
      const keys = Object.keys(next) as (keyof Props)[]
      return keys.some((key) => key !== 'children' && next[key] !== this.props[key])
    }

    render(): ComponentChild {
      return draw(this.props)
    }
  }
  return (props) => createElement(Memo, props)
}
