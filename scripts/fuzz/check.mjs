// @ts-check

const MAX_MESSAGE_LENGTH = 1000;

/** @param {boolean} holds @param {string} what */
export function check(holds, what) {
  if (!holds) throw new Error(`Expected otherwise: ${what}`);
}

/** Checks a message to the user about a file that may come from anyone. @param {string} message */
export function checkMessage(message) {
  check(message.length < MAX_MESSAGE_LENGTH, `a message of ${message.length} letters`);
  check(!/\p{Cc}/u.test(message), `a message on one line, without control characters: ${JSON.stringify(message)}`);
}
