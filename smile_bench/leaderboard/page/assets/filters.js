// The controls above the table.

function select(id, label, options, value, change) {
  return el(
    'div', { class: 'field' }, el('label', { for: id }, label),
    el(
      'select', { id, 'data-key': id, onchange: (event) => change(event.target.value) },
      options.map(([key, text]) => el('option', { value: key, selected: key === value }, text)),
    ),
  );
}

function drawFilters() {
  const host = byId('filters');
  const set = (name) => (value) => {
    state[name] = value;
    if (name === 'family' && value) state.plotFamily = value;
    if (name === 'partition') selectDefaults();
    drawAll();
  };
  const budgets = [...new Set(everyRow.filter(inPartition).flatMap((row) => demonstrationsOf(row, '')))];
  const filled = data.tracks.map((track) => track.id).filter(
    (track) => track === state.track || everyRow.some((row) => inPartition(row) && row.track === track),
  );
  const tracks = [['', 'All'], ...filled.map((track) => [track, trackTitle(track)])];
  keepFocus(host, () => {
    const trackHost = el('div', { id: 'track', class: 'segments', role: 'group', 'aria-label': 'Track' });
    const groupingHost = el('div', { id: 'grouping', class: 'segments', role: 'group', 'aria-label': 'Ranking' });
    const formHost = el('div', { id: 'form', class: 'segments', role: 'group', 'aria-label': 'What demonstrations show' });
    host.replaceChildren(
      el('div', { class: 'field' }, el('span', { 'aria-hidden': 'true' }, 'Ranking'), groupingHost),
      el('div', { class: 'field' }, el('span', { 'aria-hidden': 'true' }, 'Track'), trackHost),
      el('div', { class: 'field' }, el('span', { 'aria-hidden': 'true' }, 'Demonstrations show'), formHost),
      select('family', 'Family', [['', 'All ranked families'], ...families.map((f) => [f.id, f.title])], state.family, set('family')),
      select(
        'demonstrations', 'Demos per task',
        [['', 'Any'], ...budgets.sort((a, b) => a - b).map((n) => [String(n), String(n)])],
        state.demonstrations, set('demonstrations'),
      ),
      ...(CONDITIONS.length > 1
        ? [select('condition', 'Condition', [['', 'Any'], ...CONDITIONS.map((one) => [one, one])], state.condition, set('condition'))]
        : []),
      ...(data.partitions.length > 1
        ? [select(
            'partition', 'Protocol and MuJoCo',
            data.partitions.map((one) => [one.id, `${one.protocol}, MuJoCo ${one.mujoco}`]), state.partition, set('partition'),
          )]
        : []),
      el(
        'div', { class: 'field grow' }, el('label', { for: 'find' }, 'Find'),
        el('input', {
          id: 'find', type: 'search', 'data-key': 'find', autocomplete: 'off', placeholder: 'entry or author',
          oninput: (event) => {
            state.find = event.target.value.trim();
            drawTable();
            drawImprovement();
          },
        }),
      ),
      el('span', { id: 'sort-menu', class: 'phone-only' }),
    );
    byId('find').value = state.find;
    segments(groupingHost, [['all', 'Overall'], ['track', 'By track']], state.grouping, set('grouping'));
    segments(trackHost, tracks, state.track, set('track'));
    segments(formHost, [['', 'All'], ['state-action', 'States and actions'], ['state-only', 'States only']], state.form, set('form'));
  });
}

// On a phone the table has no header row; a menu sorts it.
function drawSortMenu(shown) {
  const host = byId('sort-menu');
  keepFocus(host, () => {
    host.replaceChildren(
      select('sort', 'Sort by', shown.map((column) => [column.key, column.label]), state.sort, (key) => {
        const column = shown.find((one) => one.key === key);
        state.sort = key;
        state.descending = Boolean(column.high);
        drawTable();
      }),
    );
  });
}
