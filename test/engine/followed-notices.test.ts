import {describe, expect, it} from 'vitest'
import {FollowedNotices, type OperationNotice} from '../../src/engine/operations/followed-notices.ts'
import {queuedRecord} from '../support/records.ts'

function world() {
  const heard: string[] = []
  let listened = 0
  let followed = 0
  const notices = new FollowedNotices({onFollowed: () => (followed += 1), onListened: () => (listened += 1)})
  const listen = (name: string) => notices.listen({moved: () => heard.push(name)})
  return {notices, heard, listen, times: () => ({listened, followed})}
}

describe('what is followed of an operation', () => {
  it('tells moves to the listener itself where there is one, and to all where there are more', () => {
    const {notices, heard, listen} = world()
    expect(notices.listener).toBeUndefined()
    const only = {moved: () => heard.push('only')}
    const leave = notices.listen(only)
    expect(notices.listener).toBe(only)
    const leaveToo = listen('other')
    notices.listener?.moved()
    expect(heard).toEqual(['only', 'other'])
    leave()
    leave()
    notices.listener?.moved()
    expect(heard).toEqual(['only', 'other', 'other'])
    leaveToo()
    expect(notices.listener).toBeUndefined()
  })

  it('lets listeners come and go while they are told', () => {
    const {notices, heard, listen} = world()
    const leave = notices.listen({
      moved: () => {
        heard.push('first')
        leave()
        listen('late')
      },
    })
    listen('second')
    notices.listener?.moved()
    expect(heard).toEqual(['first', 'second'])
    notices.listener?.moved()
    expect(heard).toEqual(['first', 'second', 'second', 'late'])
  })

  it('tells no moves to whoever subscribes to changes, and says when the first of both comes and the last has gone', () => {
    const {notices, listen, times} = world()
    const seen: OperationNotice[] = []
    const notice = {record: queuedRecord(1), hasResponseChanged: false, hasRestarted: false}
    const first = notices.subscribe((each) => seen.push(each))
    const second = notices.subscribe()
    notices.listener?.moved()
    notices.next(notice)
    expect(seen).toEqual([notice])
    expect(times()).toEqual({listened: 0, followed: 1})
    first.unsubscribe()
    expect(times()).toEqual({listened: 0, followed: 1})
    second.unsubscribe()
    listen('one')()
    expect(times()).toEqual({listened: 2, followed: 2})
  })

  it('listens to nobody after the end, which late subscribers are told, too', () => {
    const {notices, listen} = world()
    const ends: unknown[] = []
    listen('one')
    notices.subscribe({error: (error) => ends.push(error)})
    notices.error('why')
    notices.complete()
    notices.subscribe({error: (error) => ends.push(error)})
    expect(ends).toEqual(['why', 'why'])
    expect(notices.listener).toBeUndefined()
  })
})
