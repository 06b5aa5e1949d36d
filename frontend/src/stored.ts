// Options of a person in this browser: how the wheel turns, which keys do what.

/** A value that this browser keeps; `isValid` refuses what an older version may have left. */
export function stored<T>(
  name: string,
  first: T,
  isValid: (value: unknown) => value is T,
): { get(): T; set(value: T): void } {
  const key = `rimlight.${name}`;
  let now = read(key, first, isValid);
  return {
    get: () => now,
    set(value) {
      now = value;
      try {
        localStorage.setItem(key, JSON.stringify(value));
      } catch {
        // A browser that keeps nothing still works until it is closed.
      }
    },
  };
}

/** A switch that this browser keeps. */
export function storedSwitch(name: string, first: boolean): { get(): boolean; set(on: boolean): void } {
  return stored(name, first, (value): value is boolean => typeof value === "boolean");
}

function read<T>(key: string, first: T, isValid: (value: unknown) => value is T): T {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key) ?? "null");
    return isValid(value) ? value : first;
  } catch {
    return first;
  }
}
