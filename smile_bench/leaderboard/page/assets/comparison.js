// Rows beside each other: how often one beats another, and the share of runs above each score.

const beats = new Map(
  data.comparison.improvements.flatMap(({ x, y, probability: [value, low, high] }) => [
    [`${x} ${y}`, [value, low, high]],
    [`${y} ${x}`, [1 - value, 1 - high, 1 - low]],
  ]),
);

function drawComparison() {
  drawImprovement();
  drawProfile();
}

// Rows that are compared with each other, in the groups of the ranking.
function comparedGroups() {
  const known = new Set(data.comparison.improvements.flatMap(({ x, y }) => [x, y]));
  const groups = new Map();
  for (const row of data.rows.filter((one) => visible(one) && known.has(one.id))) {
    const form = state.grouping === 'all' ? 'All tracks' : `${trackTitle(row.track)}${row.state_only ? ', state-only' : ''}`;
    const key = row.condition === CANONICAL ? form : `${form}, ${row.condition}`;
    groups.set(key, [...(groups.get(key) || []), row]);
  }
  const best = (a, b) => a.place - b.place || b.overall.iqm[0] - a.overall.iqm[0];
  return [...groups].map(([title, rows]) => [title, rows.sort(best)]).filter(([, rows]) => rows.length > 1);
}

function drawImprovement() {
  const host = byId('improvement');
  const groups = comparedGroups();
  host.hidden = !groups.length;
  host.replaceChildren(
    el(
      'figcaption', {}, el('strong', {}, 'Probability of improvement'),
      el('span', { class: 'muted' }, ' How often a run of the row scores higher than a run of the column, over all ranked families, with its 95 % interval. Bold: the interval excludes one half.'),
    ),
    ...groups.map(([title, rows]) => improvementTable(title, rows)),
  );
}

function improvementTable(title, rows) {
  const cell = (x, y) => {
    if (x === y) return el('td', { class: 'same' }, '–');
    const [value, low, high] = beats.get(`${x.id} ${y.id}`);
    const clear = low > 0.5 || high < 0.5;
    return el(
      'td', { class: `${heat(value)}${clear ? ' clear' : ''}` },
      el('span', { class: 'first' }, plain(value, 2)), el('span', { class: 'second' }, `${plain(low, 2)} to ${plain(high, 2)}`),
    );
  };
  return el(
    'div', { class: 'detail-scroll', tabindex: 0, role: 'region', 'aria-label': `Probability of improvement: ${title}` },
    el(
      'table', { class: 'matrix' },
      el('caption', {}, title),
      el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'row beats column'), rows.map((row) => el('th', { scope: 'col' }, byline(row))))),
      el('tbody', {}, rows.map((x) => el('tr', {}, el('th', { scope: 'row' }, byline(x)), rows.map((y) => cell(x, y))))),
    ),
  );
}

// The class that colours a cell, from a value between 0 and 1.
function heat(value) {
  const steps = [0.1, 0.3, 0.5, 0.7, 0.9];
  return `heat h${steps.filter((step) => value >= step).length}`;
}

function drawProfile() {
  const host = byId('profile');
  const { thresholds, profiles } = data.comparison;
  const key = state.family;
  const rows = drawnRows().filter((row) => profiles[row.id][key]);
  const title = `Performance profile ${key ? `on ${familyById.get(key).title}` : 'over all ranked families'}`;
  if (!rows.length) {
    noFigure(host, title, 'None of the drawn entries has results on all of these families.');
    return;
  }
  cartesian(host, {
    title, note: 'The share of runs (a seed on a task) that score above τ, with pointwise 95 % intervals. Higher is better. Colours and marks are those of “Task by task”.', height: 320,
    x: { label: 'score τ', domain: [thresholds[0], thresholds[thresholds.length - 1]] },
    y: { label: 'share of runs above τ', domain: [0, 1] },
    series: rows.map((row) => {
      const { values, low, high } = profiles[row.id][key];
      return {
        slot: slotOf(row.id), label: byline(row), line: true, band: true, size: 3.4, sparse: 5,
        points: values.map((y, i) => ({
          x: thresholds[i], y, low: low[i], high: high[i],
          text: [`above ${plain(thresholds[i], 2)}: ${percent(y)} of runs`, `${percent(low[i])} to ${percent(high[i])}`],
        })),
      };
    }),
    lines2: [],
    headers: ['Score τ', ...rows.map(byline)],
    lines: thresholds.map((threshold, i) => [plain(threshold, 2), ...rows.map((row) => percent(profiles[row.id][key].values[i]))]),
  });
}
