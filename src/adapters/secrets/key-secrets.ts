/**
 * Secrets by AES-256-GCM under one key. Sealed text: `v1.` and, in base64url, 12 bytes of nonce, 16 of tag, the rest
 * ciphertext. Persisted: another form gets another version.
 */

import {createCipheriv, createDecipheriv, createHash, randomBytes} from 'node:crypto'
import {invalidArgument, TransferError} from '../../domain/errors.ts'
import type {Secrets} from '../../ports/secrets.ts'

export const KEY_LENGTH = 32

const CIPHER = 'aes-256-gcm'
const VERSION = 'v1'
const NONCE_LENGTH = 12
const TAG_LENGTH = 16

/** `key` is copied; it has to be 32 bytes of good randomness. Throws INVALID_ARGUMENT. */
export function createKeySecrets(key: Buffer): Secrets {
  if (key.length !== KEY_LENGTH) throw invalidArgument('key', `has to have ${KEY_LENGTH} bytes`)
  const secret = Buffer.from(key)
  return {
    seal(plain) {
      const nonce = randomBytes(NONCE_LENGTH)
      const cipher = createCipheriv(CIPHER, secret, nonce, {authTagLength: TAG_LENGTH})
      cipher.setAAD(Buffer.from(VERSION))
      const text = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      return `${VERSION}.${Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url')}`
    },
    unseal(sealed) {
      const [version, encoded, ...rest] = sealed.split('.')
      if (version !== VERSION || encoded === undefined || rest.length > 0) throw unreadable()
      const bytes = Buffer.from(encoded, 'base64url')
      // Decoding is lenient: what would not be written so was changed.
      if (bytes.length < NONCE_LENGTH + TAG_LENGTH || bytes.toString('base64url') !== encoded) throw unreadable()
      const decipher = createDecipheriv(CIPHER, secret, bytes.subarray(0, NONCE_LENGTH), {authTagLength: TAG_LENGTH})
      decipher.setAAD(Buffer.from(VERSION))
      decipher.setAuthTag(bytes.subarray(NONCE_LENGTH, NONCE_LENGTH + TAG_LENGTH))
      try {
        const text = decipher.update(bytes.subarray(NONCE_LENGTH + TAG_LENGTH))
        return Buffer.concat([text, decipher.final()]).toString('utf8')
      } catch (cause) {
        throw unreadable(cause)
      }
    },
    digest(algorithm, text) {
      return createHash(algorithm.replace('SHA-', 'SHA')).update(text).digest('hex')
    },
  }
}

function unreadable(cause?: unknown): TransferError {
  return new TransferError('INVALID_ARGUMENT', 'a sealed text was sealed with another key, or was changed', {
    advice: 'give the secret again',
    ...(cause === undefined ? {} : {cause}),
  })
}
