/** What there is to do where the package was put into the bundle of a program, and left its other files behind. */

export const BUNDLED_ADVICE = 'leave background-transfer out of the bundle of the program, and install it beside that'
