/** Which colour is whose, in a chart of both sides. */
export function Legend() {
  return (
    <span class="legend small" aria-hidden="true">
      <span>
        <i class="dot stable" /> stable
      </span>
      <span>
        <i class="dot candidate" /> candidate
      </span>
    </span>
  );
}
