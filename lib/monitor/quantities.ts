/** `10.1 GiB`; below that, whole MiB or KiB. */
export function bytes(count: number): string {
  if (count < 2 ** 20) return `${(count / 2 ** 10).toFixed(0)} KiB`;
  if (count < 2 ** 30) return `${(count / 2 ** 20).toFixed(0)} MiB`;
  return `${gibibytes(count)} GiB`;
}

/** In GiB, without the unit: `10.1`. */
export function gibibytes(count: number): string {
  return (count / 2 ** 30).toFixed(1);
}

/** The same in at most four characters, for values below 10 TiB. */
export function shortGibibytes(count: number): string {
  return count < 99.95 * 2 ** 30 ? gibibytes(count) : (count / 2 ** 30).toFixed(0);
}

export function bases(letters: number): string {
  if (letters < 1e6) return `${(letters / 1e3).toFixed(1)} kb`;
  return letters < 1e9 ? `${(letters / 1e6).toFixed(1)} Mb` : `${(letters / 1e9).toFixed(2)} Gb`;
}

/** `512 residues`, `12.3k residues`. */
export function residues(letters: number): string {
  return `${letters < 10_000 ? letters.toFixed(0) : short(letters)} residues`;
}

export function percent(fraction: number, digits = 0): string {
  return `${(100 * fraction).toFixed(digits)} %`;
}

/** A rate or a large number in few characters: `0.42`, `12.3`, `1234`, `12.3k`, `1.2M`. */
export function short(value: number): string {
  if (value < 1) return value === 0 ? '0' : value.toFixed(2);
  if (value < 100) return value.toFixed(1);
  if (value < 10_000) return value.toFixed(0);
  return value < 999_950 ? `${(value / 1e3).toFixed(1)}k` : `${(value / 1e6).toFixed(1)}M`;
}

/** `7 s`, `12 min`, `3.4 h`, `2.1 days`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  if (seconds < 120 * 60) return `${(seconds / 60).toFixed(0)} min`;
  const hours = seconds / 3600;
  return hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} days`;
}

/** `0:07`, `12:34`, `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
