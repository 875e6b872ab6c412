// The fine-tune track: scores over rewarded episodes, one table for each kind of contexts.

const CONTEXT_TITLES = { expert: 'Contexts of the expert', half: 'Contexts of the half demonstrator' };

function drawFineTuned() {
  const shown = families.filter((family) => data.fine_tuned.some((one) => one.family === family.id));
  byId('fine-tune').hidden = byId('fine-tune-link').hidden = !shown.length;
  if (!shown.length) return;
  if (!shown.some((family) => family.id === state.fineTuneFamily)) state.fineTuneFamily = shown[0].id;
  segments(byId('fine-tune-family'), shown.map((f) => [f.id, f.title]), state.fineTuneFamily, (id) => {
    state.fineTuneFamily = id;
    drawFineTuned();
  });
  const rows = data.fine_tuned.filter((one) => one.family === state.fineTuneFamily);
  byId('fine-tuned').replaceChildren(
    ...Object.keys(CONTEXT_TITLES).map((kind) => rows.filter((row) => row.contexts === kind)).filter((some) => some.length)
      .map(fineTunedFigure),
  );
}

function fineTunedFigure(rows) {
  const title = CONTEXT_TITLES[rows[0].contexts];
  const several = new Set(data.fine_tuned.map((row) => row.partition)).size > 1;
  return el(
    'figure', { class: 'figure wide' },
    el('figcaption', {}, el('strong', {}, title), el('span', { class: 'muted' }, ` The demonstrator’s score is ${plain(rows[0].demonstrator)}.`)),
    el(
      'div', { class: 'detail-scroll', tabindex: 0, role: 'region', 'aria-label': title },
      plainTable(
        ['Entry', 'Rank', 'Area', 'Curve', ...rows[0].episodes.map((n) => `n = ${n}`), 'Seeds', 'Checked'],
        rows.map((row) => [
          [
            row.title,
            el('span', { class: 'line muted' }, [row.state_only ? 'state-only' : '', several ? row.partition : ''].filter(Boolean).join(', ')),
          ],
          row.rank === null ? '–' : String(row.rank),
          `${plain(row.area[0])} (${interval(row.area)})`,
          learningCurve(row),
          ...row.scores.map((found) => el('span', { title: interval(found) }, plain(found[0]))),
          seedsText(row.seeds.length),
          row.status,
        ]),
      ),
    ),
  );
}

// A small picture of a row: score over log(1 + n), its interval, and the demonstrator as a dashed line.
function learningCurve(row) {
  const [width, height, margin] = [120, 40, 3];
  const values = [...row.scores.flat(), row.demonstrator, 0, 1];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const last = Math.log1p(row.episodes[row.episodes.length - 1]);
  const x = (n) => margin + ((width - 2 * margin) * Math.log1p(n)) / last;
  const y = (value) => height - margin - ((height - 2 * margin) * (value - low)) / (high - low);
  const points = (index) => row.scores.map((found, i) => `${x(row.episodes[i]).toFixed(1)},${y(found[index]).toFixed(1)}`);
  const [before, after] = [row.scores[0][0], row.scores[row.scores.length - 1][0]];
  return svg(
    'svg',
    { class: 'learning-curve', width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Score from ${plain(before)} to ${plain(after)}` },
    svg('polygon', { class: 'band', points: [...points(1), ...points(2).reverse()].join(' ') }),
    svg('line', { class: 'demonstrator', x1: margin, x2: width - margin, y1: y(row.demonstrator), y2: y(row.demonstrator) }),
    svg('polyline', { class: 'score', points: points(0).join(' ') }),
  );
}
