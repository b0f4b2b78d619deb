// Waits until a request is decided, and goes on. Without this script the page asks again every few seconds.
'use strict';
const state = document.getElementById('state');
const events = new EventSource(state.dataset.events);
events.addEventListener('open-door', () => {
  events.close();
  state.textContent = 'Approved. Going on…';
  location.replace(state.dataset.to);
});
events.addEventListener('decided', () => {
  events.close();
  location.reload();
});
