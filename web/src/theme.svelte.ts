// Light or dark: as the system says, unless a person chose.

export type Choice = 'auto' | 'light' | 'dark';
const KEY = 'countersign.theme';

function read(): Choice {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === 'light' || kept === 'dark' ? kept : 'auto';
  } catch {
    return 'auto';
  }
}

class Theme {
  choice = $state<Choice>(read());

  constructor() {
    this.#show();
  }

  choose(choice: Choice): void {
    this.choice = choice;
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // Private windows forget; the choice holds for this page.
    }
    this.#show();
  }

  #show(): void {
    if (this.choice === 'auto') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = this.choice;
  }
}

export const theme = new Theme();
