// The cells of the ranking that are more than a number: rank, entry, score and what was checked.

const ENOUGH_SEEDS = 3;
// The best first.
const STATUSES = ['confirmed', 'exact', 'reran', 'close', 'rerun', 'unchecked', 'absent', 'published'];

function rankCell(row) {
  const rank = shownRank(row);
  if (rank !== null) return el('span', { class: 'rank' }, String(rank));
  return el('span', { class: 'rank none', title: 'not ranked' }, '–');
}

const seedsText = (number) => `${number} seed${number === 1 ? '' : 's'}`;

function entryCell(row) {
  const open = state.open.has(row.id);
  const drawable = row.kind !== 'published';
  const selected = state.selected.includes(row.id);
  const mark = drawable
    ? el(
        'button',
        {
          type: 'button', class: 'mark', 'data-key': `mark:${row.id}`, 'aria-pressed': String(selected),
          'aria-label': `Draw ${row.title} in the plots`, title: selected ? 'In the plots' : 'Add to the plots',
          onclick: () => {
            const done = toggleSelected(row.id);
            drawAll(done ? '' : `The plots show at most ${MAX_SERIES} entries. Remove one first.`);
          },
        },
        markPicture(selected ? slotOf(row.id) : null),
      )
    : el('span', { class: 'mark-space' });
  const form = `${trackTitle(row.track)}${row.state_only ? ', state-only' : ''}`;
  const line = row.kind === 'published' ? [`${data.published.venue} · ${form}`] : [row.authors.join(', ')];
  const code = codeLink(row, 'code');
  if (code) line.push(' · ', code);
  const notes = [];
  // Headings name the track in the other grouping.
  if (row.kind === 'entry' && (row.apart || state.grouping === 'all')) notes.push(el('span', { class: 'badge track' }, form));
  if (row.kind === 'published') notes.push(el('span', { class: 'badge warn' }, 'published, unverified'));
  if (row.kind === 'entry') {
    const least = fewestSeeds(row, state.family);
    const few = restsOnOneSeed(row, state.family)
      ? 'One training: it is not ranked above a row whose interval overlaps its own.'
      : 'Fewer than three seeds: the interval says little about another training.';
    if (!trained(row, state.family)) notes.push(el('span', { class: 'badge', title: 'Its results state no training, so it has one run.' }, 'not trained'));
    else if (least < ENOUGH_SEEDS) notes.push(el('span', { class: 'badge', title: few }, seedsText(least)));
    const condition = conditionOf(row, state.family);
    if (condition !== CANONICAL) notes.push(el('span', { class: 'badge condition', title: 'Which demonstrations its training was given.' }, condition));
  }
  if (row.kind === 'entry' && row.missing.length && !state.family) {
    const lacks = row.missing.map((id) => (familyById.get(id) || { title: id }).title).join(', ');
    notes.push(el('span', { class: 'badge' }, `incomplete: lacks ${lacks}`));
  }
  return el(
    'div', { class: 'entry' }, mark,
    el(
      'div', { class: 'entry-text' },
      el(
        'button',
        {
          type: 'button', class: 'title', 'data-key': `open:${row.id}`, 'aria-expanded': String(open),
          onclick: () => {
            if (open) state.open.delete(row.id);
            else state.open.add(row.id);
            drawTable();
          },
        },
        row.title,
      ),
      el('span', { class: 'byline' }, line),
      notes.length ? el('span', { class: 'badges' }, notes) : null,
    ),
  );
}

function scoreRange(rows) {
  const ends = rows.map((row) => score(row, state.family)).filter(Boolean);
  return [
    Math.max(-1, Math.min(0, ...ends.map((end) => end[1]))),
    Math.min(1.5, Math.max(1, ...ends.map((end) => end[2]))),
  ];
}

function scoreCell(row, range) {
  const found = score(row, state.family);
  if (!found) return el('span', { class: 'muted' }, row.kind === 'entry' ? 'incomplete' : '–');
  const width = 90;
  const at = (value) => 4 + ((Math.min(range[1], Math.max(range[0], value)) - range[0]) / (range[1] - range[0])) * (width - 8);
  const picture = svg(
    'svg', { class: 'bar', viewBox: `0 0 ${width} 16`, width, height: 16, 'aria-hidden': 'true', focusable: 'false' },
    svg('line', { class: 'track', x1: at(range[0]), x2: at(range[1]), y1: 8, y2: 8 }),
    [0, 1].map((x) => svg('line', { class: 'bound', x1: at(x), x2: at(x), y1: 3, y2: 13 })),
    svg('line', { class: 'range', x1: at(found[1]), x2: at(found[2]), y1: 8, y2: 8 }),
    svg('circle', { class: 'dot', cx: at(found[0]), cy: 8, r: 3.6 }),
  );
  return el(
    'div', { class: 'score' },
    el('span', { class: 'first' }, plain(found[0])),
    picture,
    el('span', { class: 'second' }, interval(found)),
  );
}

function statusOf(row) {
  if (row.kind === 'published') return { id: 'published', label: 'unverified' };
  return state.family ? row.families[state.family].status : row.status;
}

const CHECKS = [
  ['replayed', 'its actions, replayed, gave its numbers to the last bit'],
  ['rerun', 'the agent that ships was run again and acted the same'],
  ['retrained', 'new trainings from its recipe score alike'],
  ['fresh', 'it was scored on a meta-test set that was drawn later'],
];

function checksOf(row) {
  if (row.kind === 'published') return null;
  return state.family ? row.families[state.family].checks : row.checks;
}

function statusCell(row) {
  const status = statusOf(row);
  const checks = checksOf(row);
  const label = el('span', { class: `status ${status.id}` }, status.label);
  if (!checks) return label;
  const list = CHECKS.map(([name, meaning]) =>
    el('li', { class: checks[name] ? 'done' : 'open', title: `${checks[name] ? 'Checked' : 'Not checked'}: ${meaning}` }, checks[name] ? `${name} ✓` : `${name} –`),
  );
  return [label, el('ul', { class: 'checks' }, list)];
}
