// The ranking: columns, sorting, groups, details of a row.

function columns() {
  const family = state.family ? familyById.get(state.family) : null;
  const first = [
    { key: 'rank', label: 'Rank', value: shownRank, cell: rankCell, kind: 'rank' },
    { key: 'entry', label: 'Entry', value: (row) => row.title.toLocaleLowerCase(), cell: entryCell, kind: 'entry' },
    {
      key: 'score', label: 'Score', hint: 'with its 95 % interval', high: true, kind: 'score',
      value: (row) => (score(row, state.family) || [null])[0], cell: scoreCell,
    },
  ];
  const middle = family ? family.metrics.map((metric) => metricColumn(family, metric)) : families.map(familyColumn);
  if (family) {
    middle.push({
      key: 'worst', label: 'Worst task', hint: primary(family).unit, high: primary(family).higher, kind: 'number',
      value: (row) => row.families[family.id].worst ?? null,
      cell: (row) => short(row.families[family.id].worst ?? null),
    });
  }
  if (family && data.rows.some((row) => (row.families[family.id] || {}).fresh)) {
    const fresh = (row) => row.families[family.id].fresh;
    middle.push({
      key: 'fresh', label: 'Fresh', hint: 'mean, gap to frozen', high: true, kind: 'metric',
      value: (row) => (fresh(row) ? fresh(row).fresh : null),
      cell: (row) => (fresh(row) ? [el('span', { class: 'first' }, plain(fresh(row).fresh)), el('span', { class: 'second' }, gapText(fresh(row)))] : '–'),
    });
  }
  if (family && data.rows.some((row) => ((row.families[family.id] || {}).coverage ?? null) !== null)) {
    const coverage = (row) => row.families[family.id].coverage ?? null;
    middle.push({
      key: 'coverage', label: 'Coverage', hint: 'cells reached in training', high: true, kind: 'number', neutral: true,
      value: coverage,
      cell: (row) => (coverage(row) === null ? '–' : percent(coverage(row))),
    });
  }
  middle.push({
    key: 'seeds', label: 'Seeds', high: true, kind: 'number', neutral: true,
    value: (row) => fewestSeeds(row, state.family) || null,
    cell: (row) => fewestSeeds(row, state.family) || '–',
  });
  const costs = [
    ['env_steps', 'Env steps'],
    ['expert_queries', 'Expert queries'],
    ['hours', 'Hours'],
  ].map(([name, label]) => ({
    key: name, label, kind: 'number', neutral: true,
    value: (row) => cost(row, name, state.family),
    cell: (row) => amount(cost(row, name, state.family)),
  }));
  const demonstrations = {
    key: 'demonstrations', label: 'Demos', hint: 'per task', kind: 'budget',
    value: (row) => demonstrationsOf(row, state.family)[0] ?? null,
    cell: (row) => demonstrationsOf(row, state.family).join(', ') || '–',
  };
  const verification = {
    key: 'verification', label: 'Checked', kind: 'status',
    value: (row) => STATUSES.indexOf(statusOf(row).id),
    cell: statusCell,
  };
  return [...first, ...middle, demonstrations, ...costs, verification];
}

function familyColumn(family) {
  return {
    key: `family:${family.id}`, label: family.title, hint: `${primary(family).label}\u00a0${primary(family).higher ? '↑' : '↓'}`, high: true, kind: 'family',
    value: (row) => (score(row, family.id) || [null])[0],
    cell: (row) => {
      const part = row.families[family.id];
      if (!part) return el('span', { class: 'muted' }, '–');
      const value = part.metrics[primary(family).name];
      const raw = withUnit(short(value[0]), primary(family));
      const printed = `${short(value[0])} ± ${short(value[1])}`;
      if (row.kind === 'published') return [el('span', { class: 'second published' }, printed)];
      const covered = part.coverage === null ? [] : [el('span', { class: 'second coverage' }, `${percent(part.coverage)} covered`)];
      return [el('span', { class: 'first' }, plain(part.score.iqm[0])), el('span', { class: 'second' }, raw), ...covered];
    },
  };
}

function metricColumn(family, metric) {
  const value = (row) => row.families[family.id].metrics[metric.name];
  return {
    key: `metric:${metric.name}`, label: metric.label, kind: 'metric', high: metric.higher,
    hint: [metric.unit, metric.higher ? '↑' : '↓'].filter(Boolean).join(' '),
    value: (row) => (value(row) || [null])[0],
    cell: (row) => {
      const found = value(row);
      if (!found) return el('span', { class: 'muted' }, '–');
      if (row.kind === 'published') {
        return [el('span', { class: 'first' }, short(found[0])), el('span', { class: 'second' }, `± ${short(found[1])}`)];
      }
      return [
        el('span', { class: 'first' }, short(found[0])),
        el('span', { class: 'second' }, `${short(found[1])} to ${short(found[2])}`),
      ];
    },
  };
}

const shownRank = (row) => (state.grouping === 'all' ? placeOf : rankOf)(row, state.family);

function sortRows(rows, column) {
  const direction = state.descending ? -1 : 1;
  const height = (row) => (score(row, state.family) || [-Infinity])[0];
  const tie = (a, b) => (shownRank(a) ?? Infinity) - (shownRank(b) ?? Infinity) || height(b) - height(a) || 0;
  return [...rows].sort((a, b) => {
    const [x, y] = [column.value(a), column.value(b)];
    if (x === null || y === null) return (x === null) - (y === null) || tie(a, b);
    const order = typeof x === 'string' ? x.localeCompare(y) : x - y;
    return direction * order || tie(a, b);
  });
}

function headerCell(column) {
  const sorted = state.sort === column.key;
  const direction = state.descending ? 'descending' : 'ascending';
  return el(
    'th', { scope: 'col', class: `c-${column.kind}`, 'aria-sort': sorted ? direction : 'none' },
    el(
      'button',
      { type: 'button', class: 'sorter', 'data-key': `sort:${column.key}`, onclick: () => sortBy(column) },
      el('span', { class: 'label' }, column.label),
      el('span', { class: 'arrow', 'aria-hidden': 'true' }, sorted ? (state.descending ? '▼' : '▲') : ''),
      column.hint ? el('span', { class: 'hint' }, column.hint) : null,
    ),
  );
}

// Sorts with the better end first; a second time, with the other.
function sortBy(column) {
  state.descending = state.sort === column.key ? !state.descending : Boolean(column.high);
  state.sort = column.key;
  drawTable();
}

function drawTable() {
  const shown = columns();
  if (!shown.some((column) => column.key === state.sort)) {
    state.sort = 'rank';
    state.descending = false;
  }
  const column = shown.find((one) => one.key === state.sort);
  const rows = everyRow.filter(visible);
  const range = scoreRange(rows);
  const groups = new Map();
  for (const row of rows) {
    const group = groupOf(row);
    if (!groups.has(group.key)) groups.set(group.key, { ...group, rows: [] });
    groups.get(group.key).rows.push(row);
  }
  const board = byId('board');
  keepFocus(board, () => {
    board.replaceChildren(
      el('caption', {}, captionText()),
      el('thead', {}, el('tr', {}, shown.map(headerCell))),
      ...GROUP_ORDER.filter((key) => groups.has(key)).map((key) => {
        const group = groups.get(key);
        return groupBody(group, sortRows(group.rows, column), shown, range);
      }),
    );
  });
  const entries = rows.filter((row) => row.kind === 'entry').length;
  byId('count').textContent = `${entries} ${entries === 1 ? 'entry' : 'entries'}, ${rows.length} rows`;
  drawAnswer();
  drawSortMenu(shown);
  writeAddress();
}

// Of each column that measures how well entries do, the best value in a group.
function bestOf(group, rows, shown) {
  const best = new Map();
  if (!rows.some(competes) || rows.length < 2) return best;
  for (const column of shown) {
    if (column.neutral || !['score', 'family', 'metric', 'number'].includes(column.kind)) continue;
    const values = rows.map(column.value).filter((value) => value !== null);
    if (values.length) best.set(column.key, column.high ? Math.max(...values) : Math.min(...values));
  }
  return best;
}

function groupBody(group, rows, shown, range) {
  const best = bestOf(group, rows, shown);
  return el(
    'tbody', { 'data-group': group.key },
    el(
      'tr', { class: 'group' },
      el(
        'th', { scope: 'rowgroup', colspan: shown.length },
        el('span', { class: 'group-title' }, group.title), ' ',
        el('span', { class: 'group-note' }, group.note),
      ),
    ),
    rows.flatMap((row) => {
      const line = el(
        'tr', { class: `row is-${row.kind}`, 'data-row': row.id },
        shown.map((column) => {
          const entry = column.kind === 'entry';
          const cell = el(entry ? 'th' : 'td', { scope: entry ? 'row' : null, 'data-label': column.label }, column.cell(row, range));
          cell.className = `c-${column.kind}${cell.textContent === '–' ? ' none' : ''}`;
          if (best.has(column.key) && column.value(row) === best.get(column.key)) {
            cell.classList.add('best');
            cell.title = 'The best in this column';
          }
          return cell;
        }),
      );
      if (!state.open.has(row.id)) return [line];
      return [line, el('tr', { class: 'detail' }, el('td', { colspan: shown.length }, detail(row)))];
    }),
  );
}

function captionText() {
  const partition = data.partitions.find((one) => one.id === state.partition);
  const of = state.family ? familyById.get(state.family).title : 'all ranked families';
  const where = partition ? ` Protocol ${partition.protocol}, MuJoCo ${partition.mujoco}.` : '';
  const how = state.grouping === 'all' ? 'Entries of all tracks' : 'Entries by track';
  return `${how}, scored on ${of}.${where} Column headers sort ${state.grouping === 'all' ? 'all entries' : 'within each group'}.`;
}
