// Hands a file to the visitor: {name, type, text}. Nothing is shown.
watch("value", () => {
  if (!props.value) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([props.value.text], { type: props.value.type }));
  link.download = props.value.name; link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
});
