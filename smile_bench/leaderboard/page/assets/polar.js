// A metric around a circle: the angle is the task, the distance from the centre the metric.

function polar(host, spec) {
  figure(host, spec, (width) => {
    const height = Math.min(width, 420);
    const picture = canvas(width, height, spec.title);
    const [cx, cy] = [width / 2, height / 2];
    const reach = height / 2 - 30;
    const most = (lines) => Math.max(0, ...lines.flatMap((s) => s.points.map((p) => p.r)));
    const near = spec.series.length ? most(spec.series) : Infinity;
    // A reference far outside would leave no room for the entries.
    const references = spec.lines2.filter((line) => most([line]) <= 2 * near);
    const values = most([...spec.series, ...references]) || 1;
    const step = niceTicks(0, values, 4)[1] || values;
    const ticks = niceTicks(0, Math.ceil(values / step - 1e-9) * step, 4);
    const top = ticks[ticks.length - 1];
    const at = (angle, r) => [cx + Math.cos(angle) * (r / top) * reach, cy - Math.sin(angle) * (r / top) * reach];
    const grid = svg('g', { class: 'grid' });
    for (const tick of ticks.slice(1)) {
      grid.append(svg('circle', { cx, cy, r: (tick / top) * reach }));
    }
    for (let k = 0; k < 8; k += 1) {
      const angle = (k * Math.PI) / 4;
      const [x, y] = at(angle, top);
      grid.append(svg('line', { x1: cx, y1: cy, x2: x, y2: y }));
      const [tx, ty] = at(angle, top * (1 + 15 / reach));
      grid.append(svg('text', { x: tx, y: ty + 4, 'text-anchor': 'middle' }, `${k * 45}°`));
    }
    picture.append(grid);
    const outline = (points) => `M${points.map((p) => at(p.angle, p.r).map((v) => v.toFixed(2)).join(',')).join('L')}Z`;
    for (const line of references) picture.append(svg('path', { class: `reference ${line.cls}`, d: outline(line.points) }));
    const points = [];
    for (const series of spec.series) {
      const layer = svg('g', { class: `series s${series.slot}` }, svg('path', { class: 'line', d: outline(series.points) }));
      for (const p of series.points) {
        const [px, py] = at(p.angle, p.r);
        layer.append(svg('path', { class: `m ${MARKS[series.slot % MARKS.length]}`, d: markPath(series.slot, px, py, 3.6) }));
        points.push({ px, py, text: [series.label, ...p.text] });
      }
      picture.append(layer);
    }
    const labels = svg('g', { class: 'grid halo' });
    for (const tick of ticks.slice(1)) {
      const [x, y] = at(Math.PI / 2 - 0.2, tick);
      labels.append(svg('text', { x: x + 2, y: y + 3, 'text-anchor': 'start' }, `${tickText(tick)}${spec.unit ? ` ${spec.unit}` : ''}`));
    }
    picture.append(labels);
    return { picture, points };
  });
}
