// k6: POSTS one after another on one kept-alive connection, or BURST virtual users with one POST each; the status only.
import { check } from 'k6';
import http from 'k6/http';

const posts = Number(__ENV.POSTS);
const burst = Number(__ENV.BURST);
const each = (vus, iterations) => ({ executor: 'per-vu-iterations', vus, iterations, maxDuration: '5m' });
export const options = {
  scenarios: { ...(posts && { posts: each(1, posts) }), ...(burst && { burst: each(burst, 1) }) },
  thresholds: { checks: ['rate==1'] }, // else k6 exits 0 whatever is answered
};

export default function () {
  const body = JSON.stringify({ name: `bench-${__VU}-${__ITER}`, require_auth: false });
  const params = { headers: { 'Content-Type': 'application/json' } };
  check(http.post(`${__ENV.URL}/api/chatbots`, body, params), { 'answers 201': (r) => r.status === 201 });
}
