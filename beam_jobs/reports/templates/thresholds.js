(function () {
  "use strict";
  var slider = document.getElementById("threshold");
  if (!slider) return;
  var rows = document.querySelectorAll("#thresholds tbody tr");
  var places = document.querySelectorAll("[data-of]");
  var shown = null;
  function show() {
    if (shown) shown.classList.remove("now");
    shown = rows[Number(slider.value)];
    shown.classList.add("now");
    places.forEach(function (place) {
      place.textContent = shown.children[Number(place.dataset.of)].textContent;
    });
  }
  slider.addEventListener("input", show);
  document.getElementById("slide").hidden = false;
  show();
})();
