// Budget surfaces: scores over the demonstrations and tasks that a learner gets.

function drawSurfaces() {
  const shown = families.filter((family) => data.surfaces.some((one) => one.family === family.id));
  byId('budget').hidden = byId('budget-link').hidden = !shown.length;
  if (!shown.length) return;
  if (!shown.some((family) => family.id === state.surfaceFamily)) state.surfaceFamily = shown[0].id;
  segments(byId('surface-family'), shown.map((f) => [f.id, f.title]), state.surfaceFamily, (id) => {
    state.surfaceFamily = id;
    drawSurfaces();
  });
  const host = byId('surfaces');
  const opened = new Set([...host.querySelectorAll('details[open]')].map((node) => node.dataset.surface));
  keepFocus(host, () => {
    host.replaceChildren(
      ...data.surfaces.map((surface, i) => [surface, i]).filter(([surface]) => surface.family === state.surfaceFamily)
        .map(([surface, i]) => surfaceFigure(surface, i, opened.has(String(i)))),
    );
  });
}

function surfaceFigure(surface, index, open) {
  const title = surface.label;
  const cells = surface.cells.flat().filter(Boolean);
  const chosen = surface.cells.flatMap((row, d) => row.map((cell, t) => [`${index}:${d}:${t}`, cell])).find(([key]) => key === state.cell);
  return el(
    'figure', { class: 'figure surface' },
    el('figcaption', {}, el('strong', {}, title), el('span', { class: 'muted' }, ` Study ${surface.study}, ${trackTitle(surface.track).toLocaleLowerCase()}.`)),
    surfaceNumbers(surface),
    el(
      'div', { class: 'detail-scroll', tabindex: 0, role: 'region', 'aria-label': `Surface of ${title}` },
      surfaceTable(surface, index),
    ),
    el('p', { class: 'cell-text', role: 'status' }, chosen && chosen[1] ? cellText(chosen[1]) : 'Choose a cell to see its interval, seeds and cost.'),
    el(
      'details', { class: 'figure-data', 'data-surface': index, open }, el('summary', { 'data-key': `surface-data:${index}` }, 'Data of this surface'),
      el(
        'div', { class: 'detail-scroll', tabindex: 0, role: 'region', 'aria-label': `Data: ${title}` },
        plainTable(
          ['Condition', 'Score', 'Seeds', primary(familyById.get(surface.family)).label, 'Last, off the best by', 'Minutes', 'CPU minutes', 'Env steps', 'Expert queries'],
          cells.map((cell) => [
            cell.condition, `${plain(cell.score[0])} (${interval(cell.score)})`, cell.seeds.join(', '), short(cell.metric), worstGap(cell),
            minutes(cell.cost.seconds), minutes(cell.cost.cpu_seconds), amount(cell.cost.env_steps), amount(cell.cost.expert_queries),
          ]),
        ),
      ),
    ),
  );
}

function surfaceNumbers(surface) {
  const gap = `no mean: ${surface.missing} cell${surface.missing === 1 ? ' has' : 's have'} no result`;
  return el(
    'dl', { class: 'surface-numbers' },
    el('div', {}, el('dt', {}, 'Mean in log budget'), el('dd', {}, surface.mean === null ? gap : plain(surface.mean))),
    el('div', {}, el('dt', {}, '4 demonstrations, 8 tasks'), el('dd', {}, surface.corner ? `${plain(surface.corner[0])} (${interval(surface.corner)})` : '–')),
  );
}

function surfaceTable(surface, index) {
  const cell = (found, d, t) => {
    if (!found) return el('td', { class: 'same' }, '–');
    const key = `${index}:${d}:${t}`;
    return el(
      'td', { class: heat(found.score[0]) },
      el(
        'button',
        {
          type: 'button', class: 'cell', 'data-key': `cell:${key}`, 'aria-pressed': String(state.cell === key),
          'aria-label': `${found.condition}: score ${plain(found.score[0])}`,
          onclick: () => {
            state.cell = state.cell === key ? '' : key;
            drawSurfaces();
          },
        },
        plain(found.score[0], 2),
      ),
    );
  };
  return el(
    'table', { class: 'matrix' },
    el('caption', {}, 'Score: demonstrations of each task in rows, tasks in columns'),
    el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'demonstrations'), surface.tasks.map((n) => el('th', { scope: 'col' }, `${n} task${n === 1 ? '' : 's'}`)))),
    el(
      'tbody', {},
      surface.cells.map((row, d) => el('tr', {}, el('th', { scope: 'row' }, String(surface.demonstrations[d])), row.map((found, t) => cell(found, d, t)))),
    ),
  );
}

const minutes = (seconds) => amount(seconds === null ? null : seconds / 60);

// Of the seed whose last checkpoint was farthest from its best.
function worstGap(cell) {
  const known = cell.best.map((best, i) => [best, cell.last[i]]).filter(([best, last]) => best !== null && last !== null);
  return known.length ? percent(Math.max(...known.map(([best, last]) => gapToBest(best, last)))) : '–';
}

function cellText(cell) {
  const gap = worstGap(cell);
  const { seconds, env_steps: steps, expert_queries: queries } = cell.cost;
  const known = [[seconds === null ? null : seconds / 60, 'minutes'], [steps, 'env steps'], [queries, 'expert queries']].filter(([value]) => value !== null);
  return [
    `${cell.condition}: score ${plain(cell.score[0])} (${interval(cell.score)}), ${seedsText(cell.seeds.length)} (${cell.seeds.join(', ')}).`,
    gap === '–' ? '' : ` The last checkpoint is off the best along the way by at most ${gap}.`,
    known.length ? ` One training: ${known.map(([value, unit]) => `${amount(value)} ${unit}`).join(', ')}.` : '',
  ].join('');
}
