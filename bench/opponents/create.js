// The same POSTs with k6: 3 one after another and 16 at once, both environments side by side; the status is tested.
import { check } from 'k6';
import http from 'k6/http';

const once = { executor: 'per-vu-iterations', vus: 1, iterations: 1 };
export const options = {
  batch: 16,
  batchPerHost: 16,
  scenarios: { preview: { ...once, env: { URL: __ENV.PREVIEW_URL } }, production: { ...once, env: { URL: __ENV.PRODUCTION_URL } } },
  thresholds: { checks: ['rate==1'] }, // else k6 exits 0 whatever is answered
};

export default function () {
  const url = `${__ENV.URL}/api/chatbots`;
  const body = (n) => JSON.stringify({ name: `bench-k6-${n}`, require_auth: false });
  const params = { headers: { 'Content-Type': 'application/json' } };
  const answered = (response) => check(response, { 'answers 201': (r) => r.status === 201 });
  for (let n = 1; n <= 3; n++) answered(http.post(url, body(n), params));
  http.batch(Array.from({ length: 16 }, (_, n) => ['POST', url, body(n + 4), params])).forEach(answered);
}
