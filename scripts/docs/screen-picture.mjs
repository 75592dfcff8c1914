// @ts-check

const CELL = { width: 8.4, height: 18 };
const MARGIN = 12;

/** @param {string} text */
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/**
 * A terminal's screen as an SVG: one `<text>` per line, on a dark background, in the reader's monospaced font.
 * @param {readonly string[]} lines
 * @param {number} columns the width of the terminal
 * @param {string} title for screen readers
 */
export function screenPicture(lines, columns, title) {
  const [width, height] = [columns * CELL.width + 2 * MARGIN, lines.length * CELL.height + 2 * MARGIN];
  const rows = lines.map((line, row) => {
    const y = MARGIN + row * CELL.height + 13;
    // Fonts differ in letter width; the columns have to stay in place.
    const length = (line.length * CELL.width).toFixed(1);
    const fit = line === '' ? '' : ` textLength="${length}" lengthAdjust="spacingAndGlyphs"`;
    return `<text x="${MARGIN}" y="${y}"${fit} xml:space="preserve">${escaped(line)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" rx="6" fill="#16181d"/>
<g font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="#d7dae0">
${rows.join('\n')}
</g>
</svg>
`;
}
