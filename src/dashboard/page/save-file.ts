/** Has the browser save a file. @param url of its content, which may be `data:` or `blob:` */
export function saveFile(name: string, url: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}
