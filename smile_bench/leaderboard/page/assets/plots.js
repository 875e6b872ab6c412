// Which plots there are and what they show.

function drawnRows() {
  return state.selected.map((id) => rowById.get(id)).filter((row) => row && inPartition(row));
}

const byline = (row) => row.title + (row.state_only && !/state-only/i.test(row.title) ? ' (state-only)' : '');
const metricLabel = (metric) => metric.label + (metric.unit ? ` in ${metric.unit}` : '') + (metric.higher ? ', higher is better' : ', lower is better');

function drawPlots() {
  const family = familyById.get(state.plotFamily);
  segments(byId('plot-family'), families.map((f) => [f.id, f.title]), state.plotFamily, (id) => {
    state.plotFamily = id;
    drawPlots();
  });
  drawLegend();
  if (family) {
    const rows = drawnRows().filter((row) => row.families[family.id]);
    drawPerTask(family, rows);
    drawShots(family, rows);
    drawLearning(family, rows);
  }
  drawCost();
}

function drawLegend() {
  const rows = drawnRows();
  const items = rows.map((row) =>
    el('li', {}, markPicture(slotOf(row.id)), el('span', {}, byline(row)),
      el('button', {
        type: 'button', class: 'remove', 'data-key': `drop:${row.id}`, 'aria-label': `Remove ${row.title} from the plots`,
        onclick: () => {
          toggleSelected(row.id);
          drawAll();
        },
      }, '×'),
    ),
  );
  keepFocus(byId('legend'), () => byId('legend').replaceChildren(
    ...(items.length ? items : [el('li', { class: 'muted' }, 'No entries are drawn. Choose some with the marks in the ranking.')]),
    el('li', { class: 'key' }, svg('svg', { viewBox: '0 0 26 10', width: 26, height: 10, 'aria-hidden': 'true' }, svg('path', { class: 'reference expert', d: 'M1,5L25,5' })), el('span', {}, 'expert (1)')),
    el('li', { class: 'key' }, svg('svg', { viewBox: '0 0 26 10', width: 26, height: 10, 'aria-hidden': 'true' }, svg('path', { class: 'reference blind', d: 'M1,5L25,5' })), el('span', {}, 'task-blind expert (0)')),
  ));
}

function taskText(family, row, i) {
  const part = row.families[family.id];
  const metric = primary(family);
  return [`${metric.label} ${withUnit(short(part.per_task[i]), metric)}`, `score ${plain(part.scores[i])}`];
}

function perTaskTable(family, rows, first, positions) {
  const references = Object.entries(family.references);
  return {
    headers: [first, ...rows.map(byline), ...references.map(([name]) => (name === 'expert' ? 'Expert' : 'Task-blind'))],
    lines: (rows[0] ? rows[0].families[family.id].per_task : family.references.expert || []).map((_, i) => [
      positions(i), ...rows.map((row) => short(row.families[family.id].per_task[i])), ...references.map(([, v]) => short(v[i])),
    ]),
  };
}

function drawPerTask(family, rows) {
  const host = byId('per-task');
  const metric = primary(family);
  if (!family.references.expert && !rows.length) {
    noFigure(host, 'Tasks', `There are no results on ${family.title} yet.`);
    return;
  }
  const draw = { line: drawOverParameter, circle: drawAroundCircle, scatter: drawAgainstExpert, shots: drawSorted }[family.plot];
  draw(host, family, rows, metric);
}

function drawOverParameter(host, family, rows, metric) {
  const line = (label, cls, values) => ({ label, cls, points: values.map((y, i) => ({ x: family.positions[i], y })) });
  cartesian(host, {
    title: `${metric.label} over ${family.parameter}`, note: 'One point per meta-test task.',
    x: { label: family.parameter + (metric.unit ? ` in ${metric.unit}` : '') },
    y: { label: metricLabel(metric), zero: true },
    series: rows.map((row) => ({
      slot: slotOf(row.id), label: byline(row), line: true, size: 3.4,
      points: row.families[family.id].per_task.map((y, i) => ({
        x: family.positions[i], y, text: [`${family.parameter} ${short(family.positions[i])}`, ...taskText(family, row, i)],
      })),
    })),
    lines2: [
      family.references.expert ? line('expert', 'expert', family.references.expert) : null,
      family.references.blind ? { ...line('task-blind', 'blind', family.references.blind), at: 'start' } : null,
    ].filter(Boolean),
    ...perTaskTable(family, rows, family.parameter, (i) => short(family.positions[i])),
  });
}

function drawAroundCircle(host, family, rows, metric) {
  const degrees = (i) => `${((family.positions[i] * 180) / Math.PI).toFixed(1)}°`;
  const around = (values) => values.map((r, i) => ({ angle: family.positions[i], r }));
  polar(host, {
    title: `${metric.label} by direction of the task`, unit: metric.unit,
    note: `The distance from the centre is the ${metric.label}; the centre is perfect.`,
    series: rows.map((row) => ({
      slot: slotOf(row.id), label: byline(row),
      points: row.families[family.id].per_task.map((r, i) => ({
        angle: family.positions[i], r, text: [`task at ${degrees(i)}`, ...taskText(family, row, i)],
      })),
    })),
    lines2: ['expert', 'blind'].filter((name) => family.references[name]).map((name) => ({ cls: name, points: around(family.references[name]) })),
    ...perTaskTable(family, rows, 'Direction', degrees),
  });
}

function drawAgainstExpert(host, family, rows, metric) {
  const { expert, blind } = family.references;
  if (!expert) {
    noFigure(host, 'Tasks against their experts', `${family.title} has no frozen references yet.`);
    return;
  }
  const ends = [Math.min(...expert), Math.max(...expert)];
  const tasks = [...expert.keys()].sort((a, b) => expert[a] - expert[b]);
  cartesian(host, {
    title: `${metric.label} against the expert’s`, note: 'One point per meta-test task. On the dashed line, the agent equals the task’s expert.',
    x: { label: `the expert’s ${metric.label}` }, y: { label: `the agent’s ${metric.label}` },
    series: rows.map((row) => ({
      slot: slotOf(row.id), label: byline(row), size: 4,
      points: row.families[family.id].per_task.map((y, i) => ({ x: expert[i], y, text: [`task ${i}, expert ${short(expert[i])}`, ...taskText(family, row, i)] })),
    })),
    lines2: [
      { label: 'expert', cls: 'expert', points: ends.map((v) => ({ x: v, y: v })) },
      { label: 'task-blind', cls: 'blind', points: tasks.map((i) => ({ x: expert[i], y: blind[i] })) },
    ],
    ...perTaskTable(family, rows, 'Task', String),
  });
}

// For tasks without an order whose experts do equally well: each entry's tasks, worst first.
function drawSorted(host, family, rows, metric) {
  const worstFirst = metric.higher ? (a, b) => a - b : (a, b) => b - a;
  const level = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const count = (family.references.expert || rows[0].families[family.id].per_task).length;
  const flat = (label, cls, values) => ({ label, cls, at: 'start', points: [1, count].map((x) => ({ x, y: level(values) })) });
  cartesian(host, {
    title: `${metric.label} from worst to best task`, note: 'One point per meta-test task, in each entry’s own order.',
    x: { label: 'tasks, worst first' }, y: { label: metricLabel(metric), zero: true },
    series: rows.map((row) => {
      const part = row.families[family.id];
      const order = [...part.per_task.keys()].sort((a, b) => worstFirst(part.per_task[a], part.per_task[b]));
      return {
        slot: slotOf(row.id), label: byline(row), line: true, size: 3.2,
        points: order.map((i, n) => ({ x: n + 1, y: part.per_task[i], text: [`task ${i}`, ...taskText(family, row, i)] })),
      };
    }),
    lines2: ['expert', 'blind'].filter((name) => family.references[name]).map((name) => flat(name === 'blind' ? 'task-blind' : name, name, family.references[name])),
    ...perTaskTable(family, rows, 'Task', String),
  });
}

function drawShots(family, rows) {
  const host = byId('shots');
  const metric = primary(family);
  const title = `${metric.label} against number of demonstrations`;
  const shown = rows.filter((row) => row.families[family.id].shots.length);
  // A family with one context size has no shot curve; its place goes to the learning curves.
  host.hidden = family.sizes.length < 2;
  byId('learning').classList.toggle('wide', !host.hidden);
  if (host.hidden) return;
  if (!shown.length) {
    noFigure(host, title, 'None of the drawn entries has results on this family.');
    return;
  }
  const split = shown.some((row) => !row.families[family.id].shots_measured);
  const level = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const flat = (label, cls, values) => ({ label, cls, points: [family.sizes[0], family.sizes[family.sizes.length - 1]].map((x) => ({ x, y: level(values) })) });
  cartesian(host, {
    title,
    note: `Mean, 95 % interval.${split ? ' Some curves are the primary evaluation, split by context size.' : ''}`,
    x: { label: 'demonstrations in the context', ticks: family.sizes },
    y: { label: metricLabel(metric), zero: !metric.higher },
    series: shown.map((row) => ({
      slot: slotOf(row.id), label: byline(row), line: true, band: true, size: 4,
      points: row.families[family.id].shots.map((point) => ({
        x: point.shots, y: point.metric[0], low: point.metric[1], high: point.metric[2],
        text: [`${point.shots} demonstration${point.shots > 1 ? 's' : ''}`, `${metric.label} ${withUnit(short(point.metric[0]), metric)} (${short(point.metric[1])} to ${short(point.metric[2])})`, `score ${plain(point.score)}`],
      })),
    })),
    lines2: ['expert', 'blind'].filter((name) => family.references[name]).map((name) => flat(name === 'blind' ? 'task-blind' : name, name, family.references[name])),
    headers: ['Demonstrations', ...shown.map(byline)],
    lines: family.sizes.map((size) => [String(size), ...shown.map((row) => {
      const point = row.families[family.id].shots.find((one) => one.shots === size);
      return point ? `${short(point.metric[0])} (${short(point.metric[1])} to ${short(point.metric[2])})` : '–';
    })]),
  });
}

function drawLearning(family, rows) {
  const host = byId('learning');
  const metric = primary(family);
  const title = `Learning curves: ${metric.label} on meta-validation tasks, as the authors state it`;
  const curves = rows.flatMap((row) => row.families[family.id].curves.map((curve) => ({ row, curve })));
  if (!curves.length) {
    noFigure(host, title, 'None of the drawn entries has a learning curve on this family.');
    return;
  }
  const steps = curves.every(({ curve }) => curve.env_steps);
  const xs = (curve) => (steps ? curve.env_steps : curve.seconds.map((s) => s / 60));
  const unit = steps ? 'environment steps' : 'minutes of training';
  cartesian(host, {
    title, note: 'One line per training seed. The last checkpoint counts.',
    x: { label: unit, zero: true, format: (v) => (steps ? amount(v) : tickText(v)) },
    y: { label: metricLabel(metric), zero: !metric.higher },
    height: host.classList.contains('wide') ? 300 : 380,
    series: curves.map(({ row, curve }) => ({
      slot: slotOf(row.id), label: `${byline(row)}, seed ${curve.seed}`, line: true, size: 3.4, sparse: Math.max(1, Math.ceil(curve.values.length / 14)),
      points: curve.values.map((y, i) => ({ x: xs(curve)[i], y, text: [`${amount(xs(curve)[i])} ${unit}`, `${metric.label} ${withUnit(short(y), metric)}`] })),
    })),
    headers: ['Entry and seed', `first at`, 'first', 'best', 'last', 'last, off the best by', `last at (${unit})`],
    lines: curves.map(({ row, curve }) => {
      const best = (metric.higher ? Math.max : Math.min)(...curve.values);
      const last = curve.values[curve.values.length - 1];
      return [
        `${byline(row)}, seed ${curve.seed}`, amount(xs(curve)[0]), short(curve.values[0]), short(best), short(last),
        percent(gapToBest(best, last)), amount(xs(curve)[xs(curve).length - 1]),
      ];
    }),
  });
}

const COSTS = [['env_steps', 'Env steps'], ['expert_queries', 'Expert queries'], ['hours', 'Hours']];

function drawCost() {
  const host = byId('cost');
  segments(byId('cost-measure'), COSTS, state.costMeasure, (name) => {
    state.costMeasure = name;
    drawCost();
  });
  const label = COSTS.find(([name]) => name === state.costMeasure)[1];
  const known = drawnRows().map((row) => ({ row, x: cost(row, state.costMeasure, state.family), y: score(row, state.family) }))
    .filter(({ x, y }) => x !== null && y !== null);
  const where = state.family ? ` on ${familyById.get(state.family).title}` : ', summed over families';
  const title = `Score against ${label.toLowerCase()}${where}`;
  if (!known.length) {
    noFigure(host, title, 'None of the drawn entries has a score and states this cost.');
    return;
  }
  const positive = known.map(({ x }) => x).filter((x) => x > 0);
  const log = positive.length > 1 && Math.max(...positive) / Math.min(...positive) > 8;
  // A logarithmic axis shows zero one decade below the smallest value.
  const floor = log ? Math.min(...positive) / 10 : 0;
  const place = (x) => (log && x <= 0 ? floor : x);
  const none = log && known.some(({ x }) => x <= 0);
  cartesian(host, {
    title, note: 'Cost of one training. Up and left is better.', height: 320,
    x: {
      label: label.toLowerCase() + (log ? ' (logarithmic)' : ''), log, zero: !log,
      format: (v) => (none && v <= floor * 1.001 ? 'none' : amount(v)),
      ...(log ? { ticks: [...(none ? [floor] : []), ...logTicks(Math.min(...positive) / 1.25, Math.max(...positive) * 1.25)] } : {}),
    },
    y: { label: 'score', zero: true },
    series: known.map(({ row, x, y }) => ({
      slot: slotOf(row.id), label: byline(row), whiskers: true, size: 5.5,
      points: [{ x: place(x), y: y[0], low: y[1], high: y[2], text: [`${amount(x)} ${label.toLowerCase()}`, `score ${plain(y[0])} (${interval(y)})`] }],
    })),
    lines2: [],
    headers: ['Entry', ...COSTS.map(([, text]) => text), 'Score'],
    lines: known.map(({ row, y }) => [byline(row), ...COSTS.map(([name]) => amount(cost(row, name, state.family))), `${plain(y[0])} (${interval(y)})`]),
  });
}
