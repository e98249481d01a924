/** The divider of a comparison, by pointer and keyboard. */

import { element } from "../controls.js";

const STEP = 0.02;

/**
 * Move the divider when it is dragged, or by the arrow keys if it has the focus.
 *
 * @param {(share: number) => void} divide - takes its place as a share of the width.
 */
export function listenToDivider(divide) {
  const divider = element("divider", HTMLElement);
  const whole = () => document.documentElement.clientWidth;
  divider.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    divider.focus();
    divider.setPointerCapture(event.pointerId);
  });
  divider.addEventListener("pointermove", (event) => {
    if (divider.hasPointerCapture(event.pointerId)) divide(event.clientX / whole());
  });
  divider.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (!step) return;
    event.stopPropagation(); // they would turn the view
    event.preventDefault();
    divide(Number(divider.ariaValueNow) / 100 + step);
  });
}
