/** `1:02.50`, `2:03:04.50`. */
export function momentText(seconds: number): string {
  const hundredths = Math.round(100 * seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(hundredths / 360_000), Math.floor(hundredths / 6000) % 60];
  const rest = `${two(Math.floor(hundredths / 100) % 60)}.${two(hundredths % 100)}`;
  return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${rest}`;
}
