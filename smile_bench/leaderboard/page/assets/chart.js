// Plots as SVG, each with a tooltip, keyboard access and its data as a table.

const MARKS = ['circle', 'square', 'triangle', 'diamond', 'down', 'plus', 'cross', 'ring'];

function markPath(slot, x, y, r) {
  const shape = MARKS[slot % MARKS.length];
  const p = (points) => `M${points.map(([a, b]) => `${(x + a * r).toFixed(2)},${(y + b * r).toFixed(2)}`).join('L')}`;
  if (shape === 'square') return `${p([[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]])}Z`;
  if (shape === 'triangle') return `${p([[0, -1.15], [1.05, 0.8], [-1.05, 0.8]])}Z`;
  if (shape === 'down') return `${p([[0, 1.15], [1.05, -0.8], [-1.05, -0.8]])}Z`;
  if (shape === 'diamond') return `${p([[0, -1.25], [1.1, 0], [0, 1.25], [-1.1, 0]])}Z`;
  if (shape === 'plus') return `${p([[-1.1, 0], [1.1, 0]])}${p([[0, -1.1], [0, 1.1]])}`;
  if (shape === 'cross') return `${p([[-0.9, -0.9], [0.9, 0.9]])}${p([[0.9, -0.9], [-0.9, 0.9]])}`;
  const arc = `a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`;
  return `M${(x - r).toFixed(2)},${y.toFixed(2)}${arc}`;
}

function markPicture(slot) {
  return svg(
    'svg', { viewBox: '0 0 18 18', width: 18, height: 18, 'aria-hidden': 'true', focusable: 'false' },
    slot === null
      ? svg('circle', { class: 'mark-empty', cx: 9, cy: 9, r: 5 })
      : svg('path', { class: `m s${slot} ${MARKS[slot % MARKS.length]}`, d: markPath(slot, 9, 9, 5) }),
  );
}

function niceTicks(low, high, count) {
  const span = high - low || 1;
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) {
    ticks.push(Number((i * step).toPrecision(10)));
  }
  return ticks;
}

function logTicks(low, high) {
  const ticks = [];
  for (let k = Math.floor(Math.log10(low)); k <= Math.ceil(Math.log10(high)); k += 1) {
    const tick = 10 ** k;
    if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
  }
  return ticks.length > 1 ? ticks : [low, high];
}

function scale(axis, values, from, to) {
  let [low, high] = axis.domain || [Math.min(...values), Math.max(...values)];
  if (!Number.isFinite(low)) [low, high] = [0, 1];
  if (axis.log) {
    low /= 1.25;
    high *= 1.25;
    const at = (v) => from + ((Math.log(v) - Math.log(low)) / (Math.log(high) - Math.log(low))) * (to - from);
    return { at, ticks: axis.ticks || logTicks(low, high), low, high };
  }
  if (axis.zero) {
    low = Math.min(low, 0);
    high = Math.max(high, 0);
  }
  if (low === high) high = low + (Math.abs(low) || 1);
  if (!axis.domain) {
    const room = (high - low) * 0.05;
    if (!axis.zero || low < 0) low -= room;
    high += room;
  }
  const at = (v) => from + ((v - low) / (high - low)) * (to - from);
  const count = Math.max(3, Math.round(Math.abs(to - from) / (axis.every || 70)));
  return { at, ticks: axis.ticks || niceTicks(low, high, count), low, high };
}

const tickText = (value) => (Math.abs(value) >= 10000 ? amount(value) : String(Number(value.toPrecision(6))).replace('-', '−'));

// Fills a figure. draw(width) returns {picture, points}; each point has px, py and text.
function figure(host, spec, draw) {
  const width = Math.max(260, Math.floor(host.clientWidth - 2 * 16));
  const { picture, points } = draw(width);
  const tip = el('div', { class: 'tip', role: 'status', hidden: true });
  const frame = el('div', { class: 'plot' }, picture, tip);
  attachTip(frame, picture, tip, points);
  const open = host.querySelector('details')?.open;
  host.replaceChildren(
    el('figcaption', {}, el('strong', {}, spec.title), spec.note ? el('span', { class: 'muted' }, ` ${spec.note}`) : null),
    frame,
    el(
      'details', { class: 'figure-data', open: Boolean(open) },
      el('summary', { 'data-key': `data:${host.id}` }, 'Data of this plot'),
      el('div', { class: 'detail-scroll', tabindex: 0, role: 'region', 'aria-label': `Data: ${spec.title}` }, plainTable(spec.headers, spec.lines)),
    ),
  );
}

function noFigure(host, title, reason) {
  host.replaceChildren(el('figcaption', {}, el('strong', {}, title)), el('p', { class: 'muted empty' }, reason));
}

function attachTip(frame, picture, tip, points) {
  let current = -1;
  const ring = svg('circle', { class: 'focus-ring', r: 8, visibility: 'hidden' });
  picture.append(ring);
  const show = (index) => {
    current = index;
    const point = points[index];
    if (!point) {
      tip.hidden = true;
      ring.setAttribute('visibility', 'hidden');
      return;
    }
    ring.setAttribute('cx', point.px);
    ring.setAttribute('cy', point.py);
    ring.setAttribute('visibility', 'visible');
    tip.replaceChildren(...point.text.map((line, i) => el(i ? 'span' : 'strong', {}, line)));
    tip.hidden = false;
    const room = frame.clientWidth - tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(room, point.px - tip.offsetWidth / 2))}px`;
    const above = point.py - tip.offsetHeight - 14;
    tip.style.top = `${above > 0 ? above : point.py + 14}px`;
  };
  picture.addEventListener('pointermove', (event) => {
    const box = picture.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let nearest = -1;
    let least = 28 ** 2;
    points.forEach((point, i) => {
      const distance = (point.px - x) ** 2 + (point.py - y) ** 2;
      if (distance < least) [least, nearest] = [distance, i];
    });
    show(nearest);
  });
  picture.addEventListener('pointerleave', () => show(-1));
  picture.addEventListener('blur', () => show(-1));
  picture.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape') show(-1);
    if (!step || !points.length) return;
    event.preventDefault();
    show(current < 0 ? (step > 0 ? 0 : points.length - 1) : (current + step + points.length) % points.length);
  });
}

function canvas(width, height, label) {
  return svg('svg', {
    class: 'canvas', viewBox: `0 0 ${width} ${height}`, width, height, tabindex: 0, role: 'img',
    'aria-label': `${label}. Arrow keys step through the points; the table below has the same data.`,
  });
}

// Lines, points and intervals over two axes.
function cartesian(host, spec) {
  figure(host, spec, (width) => {
    const height = spec.height || Math.round(Math.min(360, Math.max(260, width * 0.58)));
    const edge = { left: 56, right: 14, top: 14, bottom: 46 };
    const picture = canvas(width, height, spec.title);
    const all = [...spec.series, ...(spec.lines2 || [])].flatMap((s) => s.points);
    const ends = (p) => [p.y, p.low, p.high].filter((v) => v !== undefined && v !== null);
    const x = scale(spec.x, all.map((p) => p.x), edge.left, width - edge.right);
    const y = scale({ every: 52, ...spec.y }, all.flatMap(ends), height - edge.bottom, edge.top);
    const clampY = (v) => Math.max(edge.top, Math.min(height - edge.bottom, y.at(v)));
    const grid = svg('g', { class: 'grid' });
    for (const tick of y.ticks) {
      grid.append(svg('line', { x1: edge.left, x2: width - edge.right, y1: y.at(tick), y2: y.at(tick) }));
      grid.append(svg('text', { x: edge.left - 8, y: y.at(tick) + 4, 'text-anchor': 'end' }, (spec.y.format || tickText)(tick)));
    }
    for (const tick of x.ticks) {
      grid.append(svg('line', { class: 'tick', x1: x.at(tick), x2: x.at(tick), y1: height - edge.bottom, y2: height - edge.bottom + 5 }));
      grid.append(svg('text', { x: x.at(tick), y: height - edge.bottom + 19, 'text-anchor': 'middle' }, (spec.x.format || tickText)(tick)));
    }
    grid.append(svg('line', { class: 'axis', x1: edge.left, x2: width - edge.right, y1: height - edge.bottom, y2: height - edge.bottom }));
    grid.append(svg('text', { class: 'axis-label', x: (edge.left + width - edge.right) / 2, y: height - 6, 'text-anchor': 'middle' }, spec.x.label));
    grid.append(svg('text', { class: 'axis-label', transform: `translate(13 ${(edge.top + height - edge.bottom) / 2}) rotate(-90)`, 'text-anchor': 'middle' }, spec.y.label));
    picture.append(grid);
    const path = (points) => `M${points.map((p) => `${x.at(p.x).toFixed(2)},${clampY(p.y).toFixed(2)}`).join('L')}`;
    for (const line of spec.lines2 || []) {
      picture.append(svg('path', { class: `reference ${line.cls}`, d: path(line.points) }));
      const last = line.points[line.at === 'start' ? 0 : line.points.length - 1];
      picture.append(
        svg('text', {
          class: 'reference-label', x: Math.min(width - edge.right, Math.max(edge.left + 4, x.at(last.x) + (line.at === 'start' ? 4 : 0))),
          y: clampY(last.y) - 6, 'text-anchor': line.at === 'start' ? 'start' : 'end',
        }, line.label),
      );
    }
    const points = [];
    for (const series of spec.series) {
      const layer = svg('g', { class: `series s${series.slot}` });
      if (series.band) {
        const band = series.points.filter((p) => p.low !== undefined && p.low !== null);
        const outline = [...band.map((p) => [x.at(p.x), clampY(p.high)]), ...band.reverse().map((p) => [x.at(p.x), clampY(p.low)])];
        if (outline.length) layer.append(svg('path', { class: 'band', d: `M${outline.map((p) => p.map((v) => v.toFixed(2)).join(',')).join('L')}Z` }));
      }
      if (series.line && series.points.length > 1) layer.append(svg('path', { class: 'line', d: path(series.points) }));
      const mark = MARKS[series.slot % MARKS.length];
      series.points.forEach((p, i) => {
        const [px, py] = [x.at(p.x), clampY(p.y)];
        if (series.whiskers && p.low !== undefined) {
          layer.append(svg('line', { class: 'whisker', x1: px, x2: px, y1: clampY(p.low), y2: clampY(p.high) }));
        }
        if (!series.sparse || i % series.sparse === 0 || i === series.points.length - 1) {
          layer.append(svg('path', { class: `m ${mark}`, d: markPath(series.slot, px, py, series.size || 4) }));
        }
        points.push({ px, py, text: [series.label, ...p.text] });
      });
      picture.append(layer);
    }
    return { picture, points };
  });
}
